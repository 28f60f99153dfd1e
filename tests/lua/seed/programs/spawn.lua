local function main()
local pid, err = process.spawn("app.test.process:echo_worker", "app:processes", "hello")
if err then
    return false, "spawn failed: " .. err
end

-- pidは生成されたプロセスの文字列識別子

return { pid = pid }
end

return { main = main }
