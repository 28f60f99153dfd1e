local function main()
local my_pid = process.pid()
-- 現在のプロセスの文字列PIDを返す

return my_pid
end

return { main = main }
