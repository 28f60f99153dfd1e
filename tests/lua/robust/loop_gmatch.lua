-- expect: runs
return {
    main = function()
        while true do for w in ("a b c d"):gmatch("%a+") do end end
    end,
}
