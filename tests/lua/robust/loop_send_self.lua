-- expect: runs
-- The refusal does not stop it.
return {
    main = function()
        while true do process.send(process.pid(), "t", 1) end
    end,
}
