-- expect: fails RateLimited process_memory
return {
    main = function()
        local keep, text = {}, ("x"):rep(1000000)
        for i = 1, 1000 do keep[i] = errors.new({ message = "m", details = text }) end
    end,
}
