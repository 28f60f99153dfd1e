-- expect: fails RateLimited process_memory
-- Caught, and caught again: it ends all the same.
return {
    main = function()
        local keep = {}
        while true do
            pcall(function() while true do keep[#keep + 1] = ("x"):rep(1000) .. #keep end end)
        end
    end,
}
