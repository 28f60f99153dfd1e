%% Every process sleeps once for a random time and tells how late it woke.
-module(timers).
-export([main/1]).

main(Args) ->
    [Count, LongestMs] = bench:ints(Args),
    Main = self(),
    [begin
         Ms = rand:uniform(LongestMs + 1) - 1,
         spawn_link(fun() -> sleeper(Main, Ms) end)
     end || _ <- lists:seq(1, Count)],
    Late = bench:histogram(),
    collect(Late, Count),
    bench:report([{late_p50_ms, bench:quantile(Late, 0.50) / 1.0e6},
                  {late_p99_ms, bench:quantile(Late, 0.99) / 1.0e6},
                  {late_max_ms, bench:largest(Late) / 1.0e6},
                  {check, Count}]).

sleeper(Main, Ms) ->
    Start = bench:now_ns(),
    receive after Ms -> ok end,
    Main ! {late, bench:now_ns() - Start - Ms * 1000000}.

collect(_, 0) -> ok;
collect(Late, N) ->
    receive {late, Ns} -> bench:record(Late, Ns) end,
    collect(Late, N - 1).
