-- expect: ends
return {
    main = function()
        local t = {}
        t.t = t
        return t
    end,
}
