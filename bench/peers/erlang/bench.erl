%% What all the Erlang peers share: arguments, the clock, a histogram, and the report that bench/run reads.
-module(bench).
-export([run/1, ints/1, now_ns/0, seconds_since/1, hold/0, report/1]).
-export([histogram/0, record/2, quantile/2, largest/1]).

%% Buckets to an octave: a quantile is within 1.1 % of the true one.
-define(STEPS, 32).
-define(BUCKETS, 64 * ?STEPS).

%% erl -run bench run MODULE ARGS: calls MODULE:main(ARGS) in an ordinary process (the one that `-run` uses traps exits,
%% so links would fill its mailbox). A crash ends the node with status 1.
run([Module | Args]) ->
    {_, Monitor} = spawn_monitor(list_to_atom(Module), main, [Args]),
    receive
        {'DOWN', Monitor, process, _, Reason} ->
            io:format(standard_error, "~s: ~p~n", [Module, Reason]),
            halt(1)
    end.

-spec ints([string()]) -> [integer()].
ints(Args) -> [list_to_integer(A) || A <- Args].

-spec now_ns() -> integer().
now_ns() -> erlang:monotonic_time(nanosecond).

-spec seconds_since(integer()) -> float().
seconds_since(StartNs) -> (now_ns() - StartNs) / 1.0e9.

%% Tells the runner that everything is set up, and stays until it is killed.
hold() ->
    io:put_chars("ready\n"),
    receive after infinity -> ok end.

%% Prints the figures as one JSON object and ends the node.
-spec report([{atom(), number()}]) -> no_return().
report(Figures) ->
    Fields = [[$", atom_to_list(Name), "\": ", number(Value)] || {Name, Value} <- Figures],
    io:put_chars(["{", lists:join(", ", Fields), "}\n"]),
    halt(0).

number(N) when is_integer(N) -> integer_to_list(N);
number(F) -> io_lib:format("~.9f", [F]).

%% A histogram with logarithmic buckets, and its largest value kept exactly. Only one process records.
histogram() -> {counters:new(?BUCKETS, []), atomics:new(1, [])}.

record({Buckets, Max}, Ns) ->
    counters:add(Buckets, bucket(Ns), 1),
    case Ns > atomics:get(Max, 1) of
        true -> atomics:put(Max, 1, Ns);
        false -> ok
    end.

bucket(Ns) when Ns < 1 -> 1;
bucket(Ns) -> min(?BUCKETS, trunc(math:log2(Ns) * ?STEPS) + 1).

%% The value below which the share Q of all recorded ones lies.
quantile({Buckets, _}, Q) ->
    Counts = [counters:get(Buckets, I) || I <- lists:seq(1, ?BUCKETS)],
    find(Counts, 1, Q * lists:sum(Counts)).

find([Count | Rest], I, Left) when Count < Left, Rest =/= [] -> find(Rest, I + 1, Left - Count);
find(_, I, _) -> math:pow(2, (I - 0.5) / ?STEPS).

largest({_, Max}) -> atomics:get(Max, 1).
