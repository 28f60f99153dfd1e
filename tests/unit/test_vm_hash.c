/* hash and base64. The digests wanted are those of coreutils' md5sum and its kin, and of RFC 2202 and 4231. */
#include <criterion/criterion.h>

#include "tests/support/luabox.h"

extern const struct vlib vlib_hash, vlib_base64;
static const struct vlib *const libs[] = {&vlib_hash, &vlib_base64, NULL};

Test(hash, digests) {
    luabox_test(
        libs,
        "eq(hash.md5(''), 'd41d8cd98f00b204e9800998ecf8427e') eq(hash.md5('abc'), "
        "'900150983cd24fb0d6963f7d28e17f72') "
        "eq(hash.sha1('abc'), 'a9993e364706816aba3e25717850c26c9cd0d89d') "
        "eq(hash.sha256(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855') "
        "eq(hash.sha256('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad') "
        "eq(hash.sha512('abc'), 'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' .. "
        "   '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f') "
        "eq(hash.md5(('a'):rep(1000000)), '7707d6ae4e027c70eea2a935c2296f21') eq(#hash.md5('\\0\\255'), 32)");
}

Test(hash, keyed_digests) {
    luabox_test(
        libs,
        "local data, secret = 'what do ya want for nothing?', 'Jefe' "
        "eq(hash.hmac_md5(data, secret), '750c783e6ab0b503eaa86e310a5db738') "
        "eq(hash.hmac_sha1(data, secret), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79') "
        "eq(hash.hmac_sha256(data, secret), "
        "'5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843') "
        "eq(hash.hmac_sha512(data, secret), "
        "'164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554' .. "
        "   '9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737') "
        "eq(hash.hmac_md5('', ''), '74e6f7298a9c2d168935f58c001bad88') "
        "eq(hash.hmac_sha256('Test Using Larger Than Block-Size Key - Hash Key First', ('\\170'):rep(131)), "
        "   '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54')");
}

Test(hash, raw) {
    luabox_test(
        libs,
        "local function hex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end "
        "for _, name in ipairs{'md5', 'sha1', 'sha256', 'sha512'} do "
        "  eq(hex(hash[name]('x', true)), hash[name]('x')) eq(hash[name]('x', false), hash[name]('x')) "
        "  local keyed = hash['hmac_' .. name] "
        "  eq(hex(keyed('x', 'k', true)), keyed('x', 'k')) eq(keyed('x', 'k', nil), keyed('x', 'k')) "
        "end");
}

Test(hash, fnv) {
    luabox_test(
        libs,
        "eq(hash.fnv32(''), 0x811c9dc5) eq(hash.fnv32('a'), 0xe40c292c) eq(hash.fnv32('foobar'), 0xbf9cf968) "
        "eq(hash.fnv64(''), 0xcbf29ce4 * 2^32 + 0x84222325) eq(hash.fnv64('a'), 0xaf63dc4c * 2^32 + "
        "0x8601ec8c) "
        "eq(hash.fnv64('foobar'), 0x85944171 * 2^32 + 0xf73967e8) eq(hash.fnv32('\\255'), 0x7a0b824e)");
}

Test(hash, arguments) {
    luabox_test(
        libs,
        "for name, f in pairs(hash) do raises('string expected', f) raises('string expected', f, {}) end "
        "raises('string expected', hash.hmac_md5, 'x') eq(hash.md5(12), hash.md5('12'))");
}

Test(base64, encode) {
    luabox_test(
        libs,
        "local e = base64.encode "
        "eq(e(''), '') eq(e('f'), 'Zg==') eq(e('fo'), 'Zm8=') eq(e('foo'), 'Zm9v') eq(e('foob'), 'Zm9vYg==') "
        "eq(e('fooba'), 'Zm9vYmE=') eq(e('foobar'), 'Zm9vYmFy') eq(e('\\255\\254\\253\\0'), '//79AA==') "
        "eq(e('\\251\\240'), '+/A=') raises('string expected', e) raises('string expected', e, {})");
}

Test(base64, decode) {
    luabox_test(libs,
                "local d = base64.decode "
                "eq(d(''), '') eq(d('Zg=='), 'f') eq(d('Zm8='), 'fo') eq(d('Zm9v'), 'foo') eq(d('//79AA=='), "
                "'\\255\\254\\253\\0') "
                "for n = 0, 100 do local s = {} for i = 1, n do s[i] = string.char((i * 37 + n) % 256) end "
                "  s = table.concat(s) eq(d(base64.encode(s)), s) end "
                "local long = ('\\0\\200x'):rep(100000) eq(d(base64.encode(long)), long)");
}

Test(base64, decode_is_strict) {
    luabox_test(libs,
                "local function bad(text, message) fails('Invalid', 'base64.decode: ' .. message, "
                "base64.decode(text)) end "
                "bad('Zg', 'length 2 is no multiple of 4') bad('Zg=', 'length 3 is no multiple of 4') "
                "bad('Z', 'length 1') "
                "bad('Zm9vZ', 'length 5') bad('=', 'length 1') bad('Zg===', 'invalid character at byte 3') "
                "bad('====', 'invalid character at byte 1') bad('Z===', 'invalid character at byte 2') "
                "bad('Zm9v\\n', 'invalid character at byte 5') bad('Zm 9v', 'invalid character at byte 3') "
                "bad('Zm9\\n', 'invalid character at byte 4') bad('    ', 'invalid character at byte 1') "
                "bad('Zg==Zg==', 'invalid character at byte 3') bad('Zm-_', 'invalid character at byte 3') "
                "bad('Zm9\\0', 'invalid character at byte 4') bad('Zm9\\255', 'invalid character at byte 4') "
                "bad('Zh==', 'bits left over at the end') bad('Zm9=', 'bits left over') bad('Zg=\\n', "
                "'invalid character at byte 3') "
                "bad('Zg== ', 'invalid character') "
                "local _, err = base64.decode('?') assert(not err:retryable()) "
                "raises('string expected', base64.decode) raises('string expected', base64.decode, {})");
}
