-- expect: ends
-- The error value is text, not what happens to be on the stack.
return {
    main = function()
        for i = 1, 3 do
            local function r() return 1 + r() end
            local ok, e = xpcall(r, function() return 1 + r() end)
            assert(not ok and type(e) == "string", tostring(e))
        end
    end,
}
