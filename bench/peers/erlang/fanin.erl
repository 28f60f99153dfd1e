%% Several producers, one counter, which replies when it has seen every message.
-module(fanin).
-export([main/1]).

main(Args) ->
    [Producers, Each] = bench:ints(Args),
    Main = self(),
    Start = bench:now_ns(),
    Counter = spawn_link(fun() -> count(Main, Producers * Each, 0) end),
    [spawn_link(fun() -> produce(Counter, Each) end) || _ <- lists:seq(1, Producers)],
    Sum = receive {sum, S} -> S end,
    Seconds = bench:seconds_since(Start),
    bench:report([{messages_per_s, Producers * Each / Seconds}, {check, Sum}]).

produce(_, 0) -> ok;
produce(Counter, N) -> Counter ! {add, N}, produce(Counter, N - 1).

count(Main, 0, Sum) -> Main ! {sum, Sum};
count(Main, Left, Sum) -> receive {add, N} -> count(Main, Left - 1, Sum + N) end.
