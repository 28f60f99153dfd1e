-- expect: runs
return {
    main = function()
        local x = 0
        while true do
            for i = 1, 1e9 do x = (x + i) % 7 end
        end
    end,
}
