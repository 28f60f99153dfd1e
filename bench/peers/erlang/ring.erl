%% One token handed round a ring of processes.
-module(ring).
-export([main/1]).

main(Args) ->
    [Members, Hops] = bench:ints(Args),
    Main = self(),
    Last = spawn_link(fun() -> receive {next, First} -> member(First, Main) end end),
    First = lists:foldl(fun(_, Next) -> spawn_link(fun() -> member(Next, Main) end) end, Last,
                        lists:seq(2, Members)),
    Last ! {next, First},
    Start = bench:now_ns(),
    First ! {token, Hops - 1},
    receive done -> ok end,
    Seconds = bench:seconds_since(Start),
    bench:report([{hops_per_s, Hops / Seconds}, {check, Hops}]).

member(Next, Main) ->
    receive
        {token, 0} -> Main ! done;
        {token, N} -> Next ! {token, N - 1}, member(Next, Main)
    end.
