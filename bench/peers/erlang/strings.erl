%% Large binaries in a window. Binaries over 64 bytes cross by reference, so each message is given a copy of its own.
-module(strings).
-export([main/1]).

-define(WINDOW, 64).
-define(BATCH, 16).

main([Mode | Numbers]) ->
    [Count, Size] = bench:ints(Numbers),
    Main = self(),
    Body = binary:copy(<<"x">>, Size),
    Start = bench:now_ns(),
    Consumer = spawn_link(fun() -> consume(Main, Count, 0) end),
    spawn_link(fun() -> produce(Mode, Consumer, Body, Count, ?WINDOW) end),
    Bytes = receive {bytes, B} -> B end,
    Seconds = bench:seconds_since(Start),
    bench:report([{mib_per_s, Bytes / Seconds / 1048576}, {check, Bytes}]).

produce(_, _, _, 0, _) -> ok;
produce(Mode, Consumer, Body, Left, 0) ->
    receive more -> produce(Mode, Consumer, Body, Left, ?BATCH) end;
produce(Mode, Consumer, Body, Left, Credit) ->
    Consumer ! {self(), text(Mode, Body, Left)},
    produce(Mode, Consumer, Body, Left - 1, Credit - 1).

text("same", Body, _) -> binary:copy(Body);
text("fresh", Body, N) -> <<(integer_to_binary(10000000 + N))/binary, (binary:part(Body, 8, byte_size(Body) - 8))/binary>>.

consume(Main, 0, Bytes) -> Main ! {bytes, Bytes};
consume(Main, Left, Bytes) ->
    receive
        {From, Text} ->
            Left rem ?BATCH =:= 0 andalso (From ! more),
            consume(Main, Left - 1, Bytes + byte_size(Text))
    end.
