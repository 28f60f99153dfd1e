-- expect: fails RateLimited process_memory
return {
    main = function()
        local s = ("x"):rep(7 * 2^20)
        while true do
            local ok, e = pcall(error, s .. tostring({}))
            s = e .. e
        end
    end,
}
