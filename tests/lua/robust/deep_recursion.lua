-- expect: fails Unknown stack overflow
return {
    main = function()
        local function f(n) return 1 + f(n + 1) end
        return f(1)
    end,
}
