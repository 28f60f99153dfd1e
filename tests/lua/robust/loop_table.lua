-- expect: runs
return {
    main = function()
        local t = {}
        while true do
            for i = 1, 1000 do t[i] = (t[i] or 0) + i end
        end
    end,
}
