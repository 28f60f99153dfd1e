local function main()
    local test_name = "my_service_" .. tostring(os.time())

    -- 現在のプロセスに名前を登録
    local ok, err = process.registry.register(test_name)
    if err then
        return false, "register failed: " .. err
    end

    -- 登録された名前をルックアップ
    local pid, lookup_err = process.registry.lookup(test_name)
    if lookup_err then
        return false, "lookup failed: " .. lookup_err
    end

    -- 自分のPIDに解決されることを確認
    if pid ~= process.pid() then
        return false, "lookup returned wrong pid"
    end

    return true
end

return { main = main }
