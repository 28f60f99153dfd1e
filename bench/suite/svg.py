"""Two pictures by hand: bars of ratios with their targets, and the scale curve. Each returns SVG text, or "" without
data."""
import math
from xml.sax.saxutils import escape

from .figures import Results

COLOURS = {1: "#4c78a8", 2: "#f58518", 4: "#54a24b", 8: "#b279a2"}
GREY = "#777777"
LIMITS = (("must", ""), ("goal", "3,2"))  # and how each is dashed


def text(x, y, words, anchor="start", size=12, colour="#222222"):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s">%s</text>' % (
        x, y, size, anchor, colour, escape(words))


def line(x1, y1, x2, y2, colour=GREY, width=1.0, dash=""):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"%s/>' % (
        x1, y1, x2, y2, colour, width, ' stroke-dasharray="%s"' % dash if dash else "")


def bar(x, y, width, height, colour, title):
    return '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>' % (
        x, y, max(0.5, width), height, colour, escape(title))


def page(width, height, parts):
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
        'font-family="sans-serif">' % (width, height, width, height),
        '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def colour_of(workers):
    return COLOURS.get(workers, GREY)


def legend(x, y, all_workers):
    for i, workers in enumerate(all_workers):
        yield bar(x + 110 * i, y - 9, 10, 10, colour_of(workers), "")
        yield text(x + 110 * i + 15, y, "%d worker%s" % (workers, "" if workers == 1 else "s"))


def legend_of_limits(x, y):
    for i, (name, dash) in enumerate(LIMITS):
        yield line(x + 80 * i, y - 11, x + 80 * i, y + 3, "#c00000", 1.5, dash)
        yield text(x + 80 * i + 7, y, name)


def ratio_rows(results):
    """(workload, figure) -> workers -> times as good as Erlang; the scale workloads have their own picture."""
    rows = {}
    for result in results:
        if result["peer"] == "erlang" and not result["workload"].startswith("scale-"):
            for name, figure in result["figures"].items():
                if figure.get("times_as_good"):
                    rows.setdefault((result["workload"], name), {})[result["workers"]] = figure["times_as_good"]
    return rows


def ratios(results, targets):
    """Horizontal bars on a logarithmic axis: 1 is Erlang, to the right Troupe is better. The targets are marked."""
    rows = ratio_rows(results)
    if not rows:
        return ""
    limits = {(t["workload"], t["figure"]): t for t in targets if t["kind"] == "ratio" and t["peer"] == "erlang"}
    values = [value for row in rows.values() for value in row.values()]
    values += [t[k] for key, t in limits.items() if key in rows for k in ("must", "goal") if t.get(k)]
    low, high = math.floor(math.log2(min(values + [0.5]))), math.ceil(math.log2(max(values + [2])))
    all_workers = sorted({workers for row in rows.values() for workers in row})
    left, top, plot, thick = 210, 60, 560, 9
    step = thick * len(all_workers) + 10
    bottom = top + step * len(rows)
    at = lambda value: left + plot * (math.log2(value) - low) / (high - low)

    parts = [text(left, 22, "How many times as good as Erlang in the same run", size=15)]
    parts += [*legend(left, 42, all_workers), *legend_of_limits(left + plot - 140, 42)]
    every = max(1, (high - low) // 8)
    for power in range(low, high + 1, every):
        parts.append(line(at(2**power), top, at(2**power), bottom, "#dddddd"))
        parts.append(text(at(2**power), bottom + 16, "%g" % 2**power, "middle", 11, GREY))
    for i, (key, row) in enumerate(rows.items()):
        y = top + step * i + 5
        parts.append(text(left - 8, y + step / 2 - 2, "%s %s" % key, "end", 11))
        for j, workers in enumerate(all_workers):
            if workers in row:
                x1, x2 = sorted((at(1), at(row[workers])))
                parts.append(bar(x1, y + thick * j, x2 - x1, thick - 1, colour_of(workers),
                                 "%s, %d workers: %.2f times" % (key[0], workers, row[workers])))
        for name, dash in LIMITS:
            value = limits.get(key, {}).get(name)
            if value:
                parts.append(line(at(value), y - 2, at(value), y + step - 9, "#c00000", 1.5, dash))
    parts.append(line(at(1), top, at(1), bottom, "#222222"))
    return page(left + plot + 30, bottom + 30, parts)


def scale_curves(results):
    """(peer, workers) -> [(pairs, messages per second)], in order."""
    known = Results(results)
    curves = {}
    for name, workers, peer in sorted(known.by_key, key=str):
        if name.startswith("scale-"):
            value = known.median(name, workers, peer, "messages_per_s")
            if value:
                curves.setdefault((peer, workers), []).append((int(name.split("-")[1]), value))
    return {key: sorted(points) for key, points in sorted(curves.items())}


def nice_step(top):
    """A step of 1, 2 or 5 times a power of ten that divides 0..top into at most six."""
    step = 10 ** math.floor(math.log10(top))
    for factor in (0.2, 0.5, 1, 2):
        if top / (step * factor) <= 6:
            return step * factor
    return step * 5


def scale(results):
    """Messages per second over the number of pairs, a curve for each peer and number of workers; peers other than
    Troupe dashed."""
    curves = scale_curves(results)
    if not curves:
        return ""
    left, top, width, height = 70, 60, 620, 360
    pairs = sorted({p for points in curves.values() for p, _ in points})
    highest = max(value for points in curves.values() for _, value in points)
    step = nice_step(highest)
    ceiling = step * math.ceil(highest / step)
    span = math.log2(pairs[-1] / pairs[0]) or 1
    at_x = lambda p: left + width * math.log2(p / pairs[0]) / span
    at_y = lambda value: top + height * (1 - value / ceiling)

    parts = [text(left, 22, "Messages per second by pairs; solid: troupe, dashed: the peer", size=15)]
    parts += legend(left, 42, sorted({workers for _, workers in curves}))
    for i in range(int(round(ceiling / step)) + 1):
        y = at_y(i * step)
        parts += [line(left, y, left + width, y, "#dddddd"),
                  text(left - 8, y + 4, "%g M" % (i * step / 1e6), "end", 11, GREY)]
    parts += [text(at_x(p), top + height + 18, str(p), "middle", 11, GREY) for p in pairs]
    parts.append(text(left + width / 2, top + height + 36, "pairs", "middle", 11, GREY))
    for (peer, workers), points in curves.items():
        path = " ".join("%.1f,%.1f" % (at_x(p), at_y(value)) for p, value in points)
        dash = "" if peer == "troupe" else ' stroke-dasharray="5,4"'
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>' % (
            path, colour_of(workers), dash))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s, %d workers, %d pairs: %.0f</title></circle>'
                  % (at_x(p), at_y(value), colour_of(workers), escape(peer), workers, p, value) for p, value in points]
    return page(left + width + 30, top + height + 50, parts)
