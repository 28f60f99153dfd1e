---@meta troupe
-- Stubs for the Lua language server: what a process of Troupe can call. Manual: troupe-lua(7).

---@alias duration_like number|string|duration
---@class case

---Processes: birth, messages, relations, names. Global.
---@class process.module
process = {}
process.registry = {}
---@type { EXIT: "pid.exit", LINK_DOWN: "pid.link.down", CANCEL: "pid.cancel" }
process.event = {}

---The caller's own pid.
---@return string
function process.pid() end

---The running entry's id.
---@return string
function process.id() end

---Puts a message into the mailbox of a pid or registered name. Never blocks. NOT_FOUND, INVALID, RATE_LIMITED.
---@param dest string
---@param topic string
---@param ... any
---@return boolean ok
---@return error? err
function process.send(dest, topic, ...) end

---The channel of a topic's payloads, or of messages. INVALID for "" and "@…".
---@param topic string
---@param options? {message:boolean}
---@return channel? ch
---@return error? err
function process.listen(topic, options) end

---Closes a topic's channel; later messages go to the inbox.
---@param ch channel
---@return boolean
function process.unlisten(ch) end

---Messages whose topic has no listener.
---@return channel
function process.inbox() end

---EXIT, LINK_DOWN and CANCEL events: tables { kind, from?, at, result?, error?, reason? }.
---@return channel
function process.events() end

---Starts a process, and waits until the top level of its file has run. NOT_FOUND, INVALID, UNAVAILABLE, RATE_LIMITED, INTERNAL.
---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function process.spawn(entry, host, ...) end

---spawn, and one EXIT event when it ends.
---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function process.spawn_monitored(entry, host, ...) end

---spawn, and a link: each fails when the other does.
---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function process.spawn_linked(entry, host, ...) end

---Both.
---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function process.spawn_linked_monitored(entry, host, ...) end

---Starts a process and waits for its result.
---@param entry string
---@param host string
---@param ... any
---@return any value
---@return error? err
function process.exec(entry, host, ...) end

---A spawner whose processes get these values by ctx.get.
---@param values table
---@return spawner? s
---@return error? err
function process.with_context(values) end

---A spawner whose processes begin with these options.
---@param options {trap_links:boolean}
---@return spawner? s
---@return error? err
function process.with_options(options) end

---What is known of a process, of the caller without argument. NOT_FOUND.
---@param pid? string
---@return process.info? info
---@return error? err
function process.info(pid) end

---The pids of all processes.
---@return string[]
function process.list() end

---Goes on with other (or reloaded) code in a fresh state; pid, names, monitors, links and mailbox stay. Returns only when it fails.
---@param entry? string
---@param ... any
---@return boolean ok
---@return error? err
function process.upgrade(entry, ...) end

---Ends a process by force. NOT_FOUND.
---@param dest string
---@return boolean ok
---@return error? err
function process.terminate(dest) end

---Sends a CANCEL event. NOT_FOUND.
---@param dest string
---@param reason? string
---@return boolean ok
---@return error? err
function process.cancel(dest, reason) end

---One EXIT event will come. NOT_FOUND, ALREADY_EXISTS.
---@param dest string
---@return boolean ok
---@return error? err
function process.monitor(dest) end

---No EXIT of it is delivered any more.
---@param dest string
---@return boolean
function process.unmonitor(dest) end

---Each fails when the other does. NOT_FOUND.
---@param dest string
---@return boolean ok
---@return error? err
function process.link(dest) end

---@param dest string
---@return boolean
function process.unlink(dest) end

---With trap_links the failure of a linked process is a LINK_DOWN event.
---INVALID for a wrong type or an unknown key; then nothing changes.
---@param options {trap_links:boolean}
---@return boolean ok
---@return error? err
function process.set_options(options) end

---The options in force.
---@return {trap_links:boolean}
function process.get_options() end

---Gives a name to the caller or a pid. ALREADY_EXISTS, INVALID, NOT_FOUND.
---@param name string
---@param pid? string
---@return boolean ok
---@return error? err
function process.registry.register(name, pid) end

---The holder of a name. NOT_FOUND.
---@param name string
---@return string? pid
---@return error? err
function process.registry.lookup(name) end

---Whether the name was registered.
---@param name string
---@return boolean
function process.registry.unregister(name) end

---Starts processes with a context, options, a name, messages. Immutable: each with_ gives a new one.
---@class spawner
local Spawner = {}

---More values. INVALID for keys that are no strings and values that cannot cross.
---@param values table
---@return spawner? s
---@return error? err
function Spawner:with_context(values) end

---@param options {trap_links:boolean}
---@return spawner? s
---@return error? err
function Spawner:with_options(options) end

---The process is registered before its main runs; a living process of that name gets the messages instead.
---@param name string
---@return spawner? s
---@return error? err
function Spawner:with_name(name) end

---A message that is in the mailbox before main runs.
---@param topic string
---@param ... any
---@return spawner? s
---@return error? err
function Spawner:with_message(topic, ...) end

---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function Spawner:spawn(entry, host, ...) end

---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function Spawner:spawn_monitored(entry, host, ...) end

---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function Spawner:spawn_linked(entry, host, ...) end

---@param entry string
---@param host string
---@param ... any
---@return string? pid
---@return error? err
function Spawner:spawn_linked_monitored(entry, host, ...) end

---@param entry string
---@param host string
---@param ... any
---@return any value
---@return error? err
function Spawner:exec(entry, host, ...) end

---An element of the inbox, and of topics listened to with { message = true }.
---@class message
local Message = {}

---@return string
function Message:topic() end

---The payload; a payload object in the wippy dialect.
---@return any
function Message:payload() end

---The sender's pid, nil when it is no process.
---@return string?
function Message:from() end

---Channels between the coroutines of a process. Global.
---@class channel.module
channel = {}

---A channel with room for so many elements (0).
---@param capacity? integer
---@return channel
function channel.new(capacity) end

---Waits for the first case in list order that is ready; cases.default or the second argument: does not wait.
---@param cases table
---@param default? boolean
---@return {channel:channel, value:any, ok:boolean, default:boolean?}
function channel.select(cases, default) end

---@class channel
local Channel = {}

---Blocks while it is full; raises on a closed channel.
---@param value any
---@return boolean
function Channel:send(value) end

---nil, false once closed and empty.
---@return any value
---@return boolean ok
function Channel:receive() end

---Twice is harmless.
function Channel:close() end

---For select.
---@return case
function Channel:case_receive() end

---For select.
---@param value any
---@return case
function Channel:case_send(value) end

---Time. Durations are nanoseconds, Go's texts ("1h30m"), or duration objects. Global.
---@class time.module
---@field NANOSECOND number
---@field MICROSECOND number
---@field MILLISECOND number
---@field SECOND number
---@field MINUTE number
---@field HOUR number
---@field JANUARY number
---@field FEBRUARY number
---@field MARCH number
---@field APRIL number
---@field MAY number
---@field JUNE number
---@field JULY number
---@field AUGUST number
---@field SEPTEMBER number
---@field OCTOBER number
---@field NOVEMBER number
---@field DECEMBER number
---@field SUNDAY number
---@field MONDAY number
---@field TUESDAY number
---@field WEDNESDAY number
---@field THURSDAY number
---@field FRIDAY number
---@field SATURDAY number
---@field LAYOUT string
---@field ANSIC string
---@field UNIX_DATE string
---@field RUBY_DATE string
---@field RFC822 string
---@field RFC822Z string
---@field RFC850 string
---@field RFC1123 string
---@field RFC1123Z string
---@field RFC3339 string
---@field RFC3339NANO string
---@field KITCHEN string
---@field STAMP string
---@field STAMP_MILLI string
---@field STAMP_MICRO string
---@field STAMP_NANO string
---@field DATE_TIME string
---@field DATE_ONLY string
---@field TIME_ONLY string
---@field utc location
---@field localtz location
time = {}

---@return time
function time.now() end

---@param sec number
---@param nsec? number
---@return time
function time.unix(sec, nsec) end

---@param year integer
---@param month integer
---@param day integer
---@param hour integer
---@param minute integer
---@param second integer
---@param nanosecond integer
---@param location? location
---@return time
function time.date(year, month, day, hour, minute, second, nanosecond, location) end

---Go's layouts. INVALID.
---@param layout string
---@param text string
---@param location? location
---@return time? t
---@return error? err
function time.parse(layout, text, location) end

---INVALID.
---@param text duration_like
---@return duration? d
---@return error? err
function time.parse_duration(text) end

---From the system's tz database. NOT_FOUND.
---@param name string
---@return location? l
---@return error? err
function time.load_location(name) end

---@param name string
---@param seconds integer
---@return location
function time.fixed_zone(name, seconds) end

---Zero or less only gives way.
---@param d duration_like
---@return boolean? ok
---@return error? err
function time.sleep(d) end

---A channel that gives one time and closes.
---@param d duration_like
---@return channel? ch
---@return error? err
function time.after(d) end

---@param d duration_like
---@return timer? t
---@return error? err
function time.timer(d) end

---@param d duration_like
---@return timer? t
---@return error? err
function time.ticker(d) end

---What time.timer and time.ticker give.
---@class timer
local Timer = {}

---@return channel
function Timer:channel() end

---The same.
---@return channel
function Timer:response() end

---Whether it was pending.
---@return boolean
function Timer:stop() end

---@param d duration_like
---@return boolean? was_pending
---@return error? err
function Timer:reset(d) end

---An instant, nanoseconds exact.
---@class time
local Time = {}

---@param d duration_like
---@return time
function Time:add(d) end

---@param t time
---@return duration
function Time:sub(t) end

---@param years integer
---@param months integer
---@param days integer
---@return time
function Time:add_date(years, months, days) end

---@param t time
---@return boolean
function Time:after(t) end

---@param t time
---@return boolean
function Time:before(t) end

---@param t time
---@return boolean
function Time:equal(t) end

---@param layout string
---@return string
function Time:format(layout) end

---@return string
function Time:format_rfc3339() end

---@return integer
function Time:unix() end

---@return number
function Time:unix_nano() end

---@return integer year
---@return integer month
---@return integer day
function Time:date() end

---@return integer hour
---@return integer minute
---@return integer second
function Time:clock() end

---@return integer
function Time:year() end

---@return integer
function Time:month() end

---@return integer
function Time:day() end

---@return integer
function Time:hour() end

---@return integer
function Time:minute() end

---@return integer
function Time:second() end

---@return integer
function Time:nanosecond() end

---@return integer
function Time:weekday() end

---@return integer
function Time:year_day() end

---@return boolean
function Time:is_zero() end

---@return location
function Time:location() end

---@param location location
---@return time
function Time:in_location(location) end

---@return time
function Time:utc() end

---@return time
function Time:in_local() end

---@param d duration_like
---@return time
function Time:round(d) end

---@param d duration_like
---@return time
function Time:truncate(d) end

---A duration; its text is Go's.
---@class duration
local Duration = {}

---@return number
function Duration:nanoseconds() end

---Whole ones; the rest is cut off.
---@return number
function Duration:microseconds() end

---Whole ones; the rest is cut off.
---@return number
function Duration:milliseconds() end

---@return number
function Duration:seconds() end

---@return number
function Duration:minutes() end

---@return number
function Duration:hours() end

---A time zone.
---@class location
local Location = {}

---@return string
function Location:name() end

---@return string
function Location:string() end

---Error objects. Global.
---@class errors.module
---@field NOT_FOUND "NotFound"
---@field ALREADY_EXISTS "AlreadyExists"
---@field INVALID "Invalid"
---@field PERMISSION_DENIED "PermissionDenied"
---@field UNAVAILABLE "Unavailable"
---@field INTERNAL "Internal"
---@field CANCELED "Canceled"
---@field CONFLICT "Conflict"
---@field TIMEOUT "Timeout"
---@field RATE_LIMITED "RateLimited"
---@field UNKNOWN ""
errors = {}

---@param spec string|{message:string, kind:string?, retryable:boolean?, details:any?}
---@return error
function errors.new(spec) end

---"context: message", the rest kept.
---@param err error|string
---@param context string
---@return error
function errors.wrap(err, context) end

---@param err any
---@param kind string
---@return boolean
function errors.is(err, kind) end

---@param err error
---@return {thread:string, frames:table[]}
function errors.call_stack(err) end

---tostring, .. and %s give the message; == compares identity.
---@class error
local Error = {}

---One of the kinds in module errors.
---@return string
function Error:kind() end

---@return string
function Error:message() end

---@return boolean?
function Error:retryable() end

---@return any
function Error:details() end

---@return string
function Error:stack() end

---JSON.
---@class json.module
json = {}

---INTERNAL with the path.
---@param value any
---@return string? text
---@return error? err
function json.encode(value) end

---INVALID for "", INTERNAL with line and column.
---@param text string
---@return any value
---@return error? err
function json.decode(text) end

---JSON Schema: the keywords in troupe-lua(7); others are ignored.
---@param schema table|string
---@param data any
---@return boolean ok
---@return error? err
function json.validate(schema, data) end

---@param schema table|string
---@param text string
---@return boolean ok
---@return error? err
function json.validate_string(schema, text) end

---Digests, hexadecimal, or raw bytes with the last argument true.
---@class hash.module
hash = {}

---@param data string
---@param raw? boolean
---@return string
function hash.md5(data, raw) end

---@param data string
---@param raw? boolean
---@return string
function hash.sha1(data, raw) end

---@param data string
---@param raw? boolean
---@return string
function hash.sha256(data, raw) end

---@param data string
---@param raw? boolean
---@return string
function hash.sha512(data, raw) end

---@param data string
---@param secret string
---@param raw? boolean
---@return string
function hash.hmac_md5(data, secret, raw) end

---@param data string
---@param secret string
---@param raw? boolean
---@return string
function hash.hmac_sha1(data, secret, raw) end

---@param data string
---@param secret string
---@param raw? boolean
---@return string
function hash.hmac_sha256(data, secret, raw) end

---@param data string
---@param secret string
---@param raw? boolean
---@return string
function hash.hmac_sha512(data, secret, raw) end

---@param data string
---@return number
function hash.fnv32(data) end

---@param data string
---@return number
function hash.fnv64(data) end

---RFC 4648.
---@class base64.module
base64 = {}

---@param data string
---@return string
function base64.encode(data) end

---INVALID.
---@param text string
---@return string? data
---@return error? err
function base64.decode(text) end

---UUIDs.
---@class uuid.module
uuid = {}

---@return string
function uuid.v1() end

---INVALID.
---@param namespace string
---@param name string
---@return string? id
---@return error? err
function uuid.v3(namespace, name) end

---@return string
function uuid.v4() end

---INVALID.
---@param namespace string
---@param name string
---@return string? id
---@return error? err
function uuid.v5(namespace, name) end

---@return string
function uuid.v7() end

---@param id any
---@return boolean
function uuid.validate(id) end

---INVALID.
---@param id string
---@return integer? version
---@return error? err
function uuid.version(id) end

---INVALID.
---@param id string
---@return string? variant
---@return error? err
function uuid.variant(id) end

---version, variant, timestamp, node. INVALID.
---@param id string
---@return table? parts
---@return error? err
function uuid.parse(id) end

---"standard", "simple" or "urn". INVALID.
---@param id string
---@param form? string
---@return string? text
---@return error? err
function uuid.format(id, form) end

---Environment variables that runtime.env allows.
---@class env.module
env = {}

---NOT_FOUND.
---@param name string
---@return string? value
---@return error? err
function env.get(name) end

---@return table<string,string>
function env.get_all() end

---PERMISSION_DENIED, always.
---@param name string
---@param value string
---@return boolean ok
---@return error err
function env.set(name, value) end

---Values from process.with_context, which pass on to children.
---@class ctx.module
ctx = {}

---NOT_FOUND, INVALID.
---@param key string
---@return any value
---@return error? err
function ctx.get(key) end

---@return table<string,any>
function ctx.all() end

---The log. The module is a logger without name and fields; with and named give others.
---@class logger
logger = {}

---@param message string
---@param fields? table
function logger:debug(message, fields) end

---@param message string
---@param fields? table
function logger:info(message, fields) end

---@param message string
---@param fields? table
function logger:warn(message, fields) end

---@param message string
---@param fields? table
function logger:error(message, fields) end

---These fields in each line.
---@param fields table
---@return logger
function logger:with(fields) end

---Nested names are joined by dots.
---@param name string
---@return logger
function logger:named(name) end

---A node-wide, best-effort bus.
---@class events.module
events = {}

---A segment * of the system's name stands for any one, segments being separated by dots. INVALID.
---@param system string
---@param kind? string
---@return subscription? s
---@return error? err
function events.subscribe(system, kind) end

---INVALID.
---@param system string
---@param kind string
---@param path string
---@param data? any
---@return boolean ok
---@return error? err
function events.send(system, kind, path, data) end

---Room for 64 events; what comes then is dropped.
---@class subscription
local Subscription = {}

---Elements { system, kind, path, data }.
---@return channel
function Subscription:channel() end

---@return boolean
function Subscription:close() end

---Values together with a format. Global.
---@class payload.module
payload = {}
---@type { JSON: "json/plain", YAML: "yaml/plain", STRING: "text/plain", BYTES: "application/octet-stream", MSGPACK: "application/msgpack", LUA: "lua/any", GOLANG: "golang/any", ERROR: "golang/error" }
payload.format = {}

---@param value any
---@return payload
function payload.new(value) end

---@class payload
local Payload = {}

---@return any
function Payload:data() end

---The value as Lua has it; JSON text is read.
---@return any value
---@return error? err
function Payload:unmarshal() end

---@return string
function Payload:get_format() end

---INTERNAL when there is no way.
---@param format string
---@return payload? p
---@return error? err
function Payload:transcode(format) end

---Calls of function.lua entries, and of process.lua entries with meta.default_host.
---@class funcs.module
funcs = {}

---@param id string
---@param ... any
---@return any value
---@return error? err
function funcs.call(id, ...) end

---@param id string
---@param ... any
---@return future? f
---@return error? err
function funcs.async(id, ...) end

---@return executor
function funcs.new() end

---Immutable.
---@class executor
local Executor = {}

---@param values table
---@return executor? e
---@return error? err
function Executor:with_context(values) end

---The timeout is in milliseconds; after it the callee gets a CANCEL event, and is not ended.
---@param options {timeout:number}
---@return executor? e
---@return error? err
function Executor:with_options(options) end

---@param id string
---@param ... any
---@return any value
---@return error? err
function Executor:call(id, ...) end

---@param id string
---@param ... any
---@return future? f
---@return error? err
function Executor:async(id, ...) end

---@class future
local Future = {}

---One element, a payload object or an error object, then closed.
---@return channel
function Future:channel() end

---The same.
---@return channel
function Future:response() end

---@return boolean
function Future:is_complete() end

---@return boolean
function Future:is_canceled() end

---nil, nil while pending.
---@return payload? p
---@return error? err
function Future:result() end

---@return error? err
---@return boolean failed
function Future:error() end

---CANCEL to the callee; the result is CANCELED.
---@return boolean
function Future:cancel() end

---For test files; see troupe(1), troupe test. In them `test` is a function, too, as `it`.
---@class test.module
---@overload fun(name: string, f?: function)
test = {}

---What the file of an entry with meta.type: test returns; body says which tests there are.
---@param body function
---@return table
function test.main(body) end

---The main of the same.
---@param body function
---@return function
function test.run_cases(body) end

---The driver of troupe test.
---@param plan string|table
---@return boolean? ok
---@return string? why
function test.drive(plan) end

---The main of a test file.
---@param plan table
---@return boolean
function test.file(plan) end

---In files of tests: a block; f says which tests and blocks are in it.
---@param name string
---@param f function
function describe(name, f) end

---As describe.
---@param name string
---@param f function
function context(name, f) end

---As describe.
---@param name string
---@param f function
function insulate(name, f) end

---A test; without f it is skipped.
---@param name string
---@param f? function
function it(name, f) end

---As it.
---@param name string
---@param f? function
function spec(name, f) end

---A test that is skipped; in a test, skips the rest of it, with this reason.
---@param name string
function pending(name) end

---Before each test of the block, and of the blocks in it.
---@param f function
function before_each(f) end

---After each test of the block, and of the blocks in it.
---@param f function
function after_each(f) end

---Before the first test of the block.
---@param f function
function setup(f) end

---As setup.
---@param f function
function before_all(f) end

---As setup.
---@param f function
function lazy_setup(f) end

---As setup.
---@param f function
function strict_setup(f) end

---After the last test of the block.
---@param f function
function teardown(f) end

---As teardown.
---@param f function
function after_all(f) end

---As teardown.
---@param f function
function lazy_teardown(f) end

---As teardown.
---@param f function
function strict_teardown(f) end

---In a test: after it, also when it fails.
---@param f function
function finally(f) end

---Checks, each a function, and words that mean nothing or turn them round: to_equal, to_not.be_nil, ... See troupe-lua(7).
---@class test.checks
---@field [string] any

---expect(value).to_equal(want): raises unless the check holds of the value.
---@param value any
---@return test.checks
function expect(value) end

---In files of tests it has checks, too: assert.is_true(value), assert.same(want, value).
---@class test.assert: test.checks
---@overload fun(v: any, message?: any, ...: any): any
assert = {}

---Starts a further coroutine of the process; it runs at once, up to its first blocking call. Only blocking calls let other
---coroutines of the process run.
---@param f function
---@param ... any
---@return thread
function coroutine.spawn(f, ...) end
