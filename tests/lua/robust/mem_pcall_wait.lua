-- expect: fails RateLimited process_memory
return {
    main = function()
        local keep = {}
        pcall(function() while true do keep[#keep + 1] = ("x"):rep(1000) .. #keep end end)
        time.sleep("1h")
    end,
}
