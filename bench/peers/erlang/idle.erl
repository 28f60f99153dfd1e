%% Processes that wait for a message that does not come.
-module(idle).
-export([main/1]).

main(Args) ->
    [Count] = bench:ints(Args),
    Main = self(),
    [spawn(fun() -> Main ! ready, receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    wait(Count),
    bench:hold().

wait(0) -> ok;
wait(N) -> receive ready -> wait(N - 1) end.
