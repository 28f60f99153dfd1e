-- Blocking calls that may raise when they are resumed (the channel was closed meanwhile). Such an error is raised at the
-- first instruction after the resume, so there has to be one inside the call: pcall(ch.send, ch, v) has to catch it.
local send, select = ...

return function(ch, v)
    local ok = send(ch, v)
    return ok
end, function(cases, default)
    local r = select(cases, default)
    return r
end
