local function main()
-- 親がクラッシュすると子は終了(trap_linksが設定されていない限り)
local pid, err = process.spawn_linked("app.test.process:child_worker", "app:processes")
if err then
    return false, "spawn_linked failed: " .. err
end

time.sleep("5ms")
return { pid = pid }
end

return { main = main }
