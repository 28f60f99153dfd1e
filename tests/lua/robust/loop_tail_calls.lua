-- expect: runs
return {
    main = function()
        local function f(n) return f(n + 1) end
        f(1)
    end,
}
