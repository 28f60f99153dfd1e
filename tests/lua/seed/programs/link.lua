local function main(target_pid)
-- 既存のプロセスにリンク
local ok, err = process.link(target_pid)
if err then
    return false, "link failed: " .. err
end

-- リンク解除
local ok, err = process.unlink(target_pid)

return { ok = ok, err = err }
end

return { main = main }
