/* What runs in the browser: moving about by the address, numbers in tables, CSV of tables and figures. */
(function () {
  "use strict";
  const MINUS = "\u2212";
  const MISSING = "\u2013";
  const skip = () => window.dash_clientside.no_update;

  /* Moving: the address is the state. Dash's Location listens to this event. */
  function go(search) {
    if (search === location.search || (search === "?" && location.search === "")) return;
    history.pushState({}, "", location.pathname + search);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }
  function changed(part, value) {
    const named = new URLSearchParams(location.search);
    if (value === null || value === undefined || value === "") named.delete(part);
    else named.set(part, value);
    return "?" + named.toString();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="?"]');
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    /* The page drawn may be older than the address: what changes one part of the place leaves the others as they are. */
    const part = link.dataset.part;
    const to = part ? changed(part, link.dataset.value) : link.getAttribute("href");
    /* To where one is already, with what has arrived since. */
    if (link.dataset.reload && to.slice(1) === location.search.slice(1)) location.reload();
    else go(to);
  });

  /* Spreadsheets take a text that begins like a formula for one. */
  const harmless = (value) => (typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? "'" + value : value);

  /* Numbers as parts/text.py writes them. */
  const plain = (value, digits) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", MINUS);
  const known = (value) => typeof value === "number" && isFinite(value);
  const shown = (write) => (value, digits) => (known(value) ? write(value, digits) : MISSING);
  function withSign(value, digits) {
    if (Number(value.toFixed(digits)) === 0) return "\u25a0 " + plain(0, digits);
    return value > 0 ? "\u25b2 +" + plain(value, digits) : "\u25bc " + plain(value, digits);
  }
  const numbers = {
    number: shown(plain),
    money: shown(plain),
    count: shown((value) => plain(value, 0)),
    percent: shown((value, digits) => plain(value, digits) + " %"),
    change: shown((value, digits) => withSign(value, digits) + " %"),
    bucket: (value) => ({ bullish: "\u25b2 bullish", neutral: "\u25a0 neutral", bearish: "\u25bc bearish" })[value] || MISSING,
    /* Glyphs as in parts/tiles.py: what is above 0 is a claim only where its interval is too. */
    skill: (value, row, n, low) => {
      const count = n && row && known(row[n]) ? " \u00b7 n " + plain(row[n], 0) : "";
      if (!known(value)) return "\u2026" + count;
      const glyph = value <= 0 ? "\u2715 " : row[low] > 0 ? "\u2713 " : "\u25cb ";
      return glyph + plain(value, 1) + " %" + count;
    },
    between: (row, low, high) => {
      if (!row || !known(row[low]) || !known(row[high])) return null;
      return "95 % interval: " + plain(row[low], 1) + " to " + plain(row[high], 1) + " %";
    },
    /* The CSV holds the values, not their decoration. */
    rawCell: (params) => harmless(params.value === null || params.value === undefined ? "" : params.value),
  };
  numbers.score = (value) => (known(value) ? plain(value, 0) : "\u2026");
  const grids = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  grids.ldtm = numbers;

  /* Cells that are more than text. */
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const element = (...parts) => window.React.createElement(...parts);
  cells.TickerLink = (props) => {
    const named = new URLSearchParams({ tab: "ticker_view", ticker: props.value });
    const session = new URLSearchParams(location.search).get("session");
    if (session) named.set("session", session);
    return element("a", { href: "?" + named }, props.value);
  };
  cells.Score = (props) =>
    element("span", { className: "score", "data-rests": props.data[props.rests] || undefined },
      props.valueFormatted, element("small", null, props.data[props.under] || ""));
  cells.RunLink = (props) =>
    props.data.run_url
      ? element("a", { href: props.data.run_url, target: "_blank", rel: "noreferrer" }, props.value)
      : MISSING;
  cells.Sparkline = (props) => {
    const points = props.value || [];
    if (points.length < 3) return MISSING;
    /* The forecast is 21 sessions ahead: it stands apart from the daily closes. */
    const last = points.length - 1;
    const at = (i) => (i < last ? 2 + (i * 88) / (last - 1) : 108).toFixed(1) + "," + (27 - points[i] * 0.24).toFixed(1);
    const known = points.slice(0, -1).map((_, i) => at(i)).join(" ");
    const [x, y] = at(last).split(",");
    const words = "closes, then a forecast " + (points[last] > points[last - 1] ? "above" : "below") + " the last";
    return element("svg", { viewBox: "0 0 116 30", width: 116, height: 30, role: "img", "aria-label": words, className: "spark" },
      element("polyline", { points: known, className: "spark-line" }),
      element("polyline", { points: at(last - 1) + " " + at(last), className: "spark-forecast" }),
      element("circle", { cx: x, cy: y, r: 2.5, className: "spark-end" }));
  };

  /* Figures as CSV: one row a point. */
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(harmless(value));
    return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  function points(figure) {
    const axis = (name) => (((figure.layout || {})[name] || {}).title || {}).text || name[0];
    const rows = [["series", axis("xaxis"), axis("yaxis"), "made_on"]];
    for (const trace of figure.data || []) {
      const [x, y] = [trace.x || [], trace.y || []];
      for (let i = 0; i < Math.max(x.length, y.length); i++) {
        if (x[i] !== null && x[i] !== undefined) rows.push([trace.name || "", x[i], y[i], (trace.customdata || [])[i]]);
      }
    }
    return rows;
  }
  function save(name, rows) {
    const text = rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  document.addEventListener("click", (event) => {
    const of = event.target.closest && event.target.closest("button[data-table]");
    const table = of && document.getElementById(of.dataset.table);
    if (table) save(of.dataset.file, [...table.rows].map((row) => [...row.cells].map((it) => it.innerText.trim())));
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    ldtm: {
      arrived: (search, tab) => {
        const tabs = [...document.querySelectorAll("#tabs [role=tab]")];
        const named = new URLSearchParams(search || "").get("tab");
        const found = tabs.find((it) => it.id.endsWith("-tab-" + named)) || tabs[0];
        const key = found ? found.id.split("-tab-")[1] : tab;
        if (found) {
          document.title = found.textContent + " \u00b7 LD-TM";
          found.scrollIntoView({ block: "nearest", inline: "nearest" });
        }
        return [key === tab ? skip() : key, ""];
      },
      toTab: (tab) => {
        const named = new URLSearchParams(location.search).get("tab");
        const first = document.querySelector("#tabs [role=tab]");
        const here = named || (first && first.id.split("-tab-")[1]);
        if (tab && tab !== here) go(changed("tab", tab));
      },
      toChoice: (values, were, ids) => {
        for (let i = 0; i < ids.length; i++) {
          if ((values[i] || "") !== (were[i] || "")) return go(changed(ids[i].part, values[i]));
        }
      },
      exportGrid: (clicks) => (clicks ? true : skip()),
      exportFigure: (clicks, figure, name, title) => {
        if (clicks && figure) save(name, points(figure));
        return title;
      },
    },
  });
})();
