local function main(test_name)
-- 明示的に登録解除
local unregistered = process.registry.unregister(test_name)
if not unregistered then
    print("Name was not registered")
end

-- 登録解除後のルックアップはnil + errorを返す
local pid, err = process.registry.lookup(test_name)
-- pidはnil、errはnon-nil

return { unregistered = unregistered, pid = pid, err = err }
end

return { main = main }
