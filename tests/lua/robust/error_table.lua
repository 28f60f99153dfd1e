-- expect: fails Unknown table
return {
    main = function()
        local t = {}
        t.t = t
        error(t)
    end,
}
