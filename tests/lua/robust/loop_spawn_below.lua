-- expect: runs
local function spin()
    coroutine.wrap(function()
        coroutine.spawn(function() while true do pcall(error, "x") end end)
    end)()
    return ""
end
return { main = function() string.format("%s", setmetatable({}, { __tostring = spin })) end }
