%% Computing without messages: the same function in several processes, each ending with its value.
-module(cpu).
-export([main/1]).

main([Kind, Processes0, Size0]) ->
    [Processes, Size] = bench:ints([Processes0, Size0]),
    Work = case Kind of
               "fib" -> fun() -> fib(Size) end;
               "nbody" -> fun() -> nbody:energy(Size) end;
               "strings" -> fun() -> documents(fun lines/1, Size) end;
               "concat" -> fun() -> documents(fun(D) -> fields(1, D) end, Size) end
           end,
    Start = bench:now_ns(),
    [spawn_monitor(fun() -> exit({result, Work()}) end) || _ <- lists:seq(1, Processes)],
    Values = [receive {'DOWN', _, process, _, {result, V}} -> V end || _ <- lists:seq(1, Processes)],
    Seconds = bench:seconds_since(Start),
    bench:report([{seconds, Seconds}, {check, lists:sum(Values)}]).

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

%% Builds that many documents and counts their bytes.
documents(Make, Count) ->
    lists:sum([byte_size(iolist_to_binary(Make(D))) || D <- lists:seq(1, Count)]).

lines(D) -> [io_lib:format("~s-~b: ~.2f~n", ["item", I, ((I * D) rem 9973) / 4]) || I <- lists:seq(1, 1000)].

fields(I, _) when I > 1000 -> [];
fields(I, D) ->
    [[<<"key">>, integer_to_binary(I), $=, integer_to_binary((I * D) rem 9973), $;] | fields(I + 1, D)].
