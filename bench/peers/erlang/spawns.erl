%% Short-lived monitored processes, a bounded number at a time, each ending with a value.
-module(spawns).
-export([main/1]).

main(Args) ->
    [Count, Outstanding] = bench:ints(Args),
    Start = bench:now_ns(),
    First = min(Count, Outstanding),
    [start(I) || I <- lists:seq(1, First)],
    Sum = collect(First, First, Count, 0),
    Seconds = bench:seconds_since(Start),
    bench:report([{spawns_per_s, Count / Seconds}, {check, Sum}]).

start(I) -> spawn_monitor(fun() -> exit({result, 2 * I}) end).

collect(0, _, _, Sum) -> Sum;
collect(Running, Started, Count, Sum) ->
    receive
        {'DOWN', _, process, _, {result, Value}} when Started < Count ->
            start(Started + 1),
            collect(Running, Started + 1, Count, Sum + Value);
        {'DOWN', _, process, _, {result, Value}} ->
            collect(Running - 1, Started, Count, Sum + Value)
    end.
