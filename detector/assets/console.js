// Keeps pages current: ages, live rows, the connection light, keys and the chart. Every page works without it.
(function () {
  "use strict";

  const $ = (selector, root) => (root || document).querySelector(selector);
  const $$ = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  // Ages -------------------------------------------------------------------------------------------------------------

  function age(then) {
    const seconds = (Date.now() - then) / 1000;
    const s = Math.abs(seconds);
    if (s < 1) return "now";
    const span =
      s < 60 ? Math.floor(s) + " s" :
      s < 3600 ? Math.floor(s / 60) + " min" :
      s < 172800 ? Math.floor(s / 3600) + " h" :
      Math.floor(s / 86400) + " d";
    return seconds > 0 ? span + " ago" : "in " + span;
  }

  function refreshAges() {
    for (const time of $$("time[datetime]")) time.textContent = age(Date.parse(time.dateTime));
  }
  setInterval(refreshAges, 15000);

  // Live rows --------------------------------------------------------------------------------------------------------

  function say(text) {
    const said = $("#said");
    if (said) said.textContent = text;
  }

  // Rows are in descending order of their key.
  function place(row, rows) {
    for (const other of rows.children) {
      if (row.dataset.key > other.dataset.key) return rows.insertBefore(row, other);
    }
    // Beyond the last row only if there are no further pages: it would be out of place before them.
    if (!$("#more a")) rows.appendChild(row);
  }

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  function takeRow(html) {
    const rows = $("#rows");
    const row = parse(html);
    if (!rows || !row) return;
    const known = document.getElementById(row.id);
    const focused = known && known.contains(document.activeElement);
    if (known) known.replaceWith(row); else place(row, rows);
    row.classList.add("fresh");
    if (focused) $(".what", row).focus();
    const empty = $("#empty");
    if (empty && rows.children.length) {
      empty.remove();
      rows.closest("table").classList.remove("hidden");
    }
    if (!known) say("New " + $(".sev", row).textContent + " alert: " + $(".what", row).textContent);
  }

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const message = event.detail;
    if (message.type === "row") takeRow(message.data);
    if (message.type === "gone") {
      const known = document.getElementById(message.data);
      if (known) known.remove();
    }
    if (message.type !== "row" && message.type !== "gone") return;
    event.preventDefault();
    htmx.trigger("#tally", "stale");
  });

  // The connection ---------------------------------------------------------------------------------------------------

  function light(on) {
    const status = $("#live");
    if (!status) return;
    status.hidden = false;
    status.classList.toggle("off", !on);
    $("span", status).textContent = on ? "Live" : "Reconnecting…";
  }

  document.addEventListener("htmx:sseOpen", (event) => {
    light(true);
    const source = event.detail.source;
    const element = event.target;
    if (source.followed) return;
    source.followed = true;
    // A connection that the extension opens anew goes on where this one stopped.
    const remember = (message) => {
      if (!message.lastEventId) return;
      const url = new URL(element.getAttribute("sse-connect"), location.href);
      url.searchParams.set("after", message.lastEventId);
      element.setAttribute("sse-connect", url.pathname + url.search);
    };
    for (const name of ["ready", "row", "gone", "alert", "revocation"]) source.addEventListener(name, remember);
    // The position was of another database: nothing on the page can be trusted.
    source.addEventListener("reset", () => location.reload());
  });
  document.addEventListener("htmx:sseError", () => light(false));

  // Keys -------------------------------------------------------------------------------------------------------------

  function move(step) {
    const links = $$("#rows .what");
    if (!links.length) return;
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
    links[next].focus();
    links[next].closest("tr").scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "u") location.assign("/");
    else if (event.key === "/" && $("#q")) { event.preventDefault(); $("#q").focus(); }
  });

  // The chart --------------------------------------------------------------------------------------------------------

  function draw(element) {
    const data = JSON.parse(element.dataset.points);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    const names = ["critical", "high", "medium", "low"];
    const pad = (n) => String(n).padStart(2, "0");
    // Hours of the day in UTC, with the date where it changes.
    const clock = (plot, splits, index, space, step) => splits.map((second, i) => {
      const at = new Date(second * 1000);
      const day = at.getUTCFullYear() + "-" + pad(at.getUTCMonth() + 1) + "-" + pad(at.getUTCDate());
      if (step >= 86400) return day;
      const hour = pad(at.getUTCHours()) + ":" + pad(at.getUTCMinutes());
      const turned = i === 0 || at.getUTCDate() !== new Date(splits[i - 1] * 1000).getUTCDate();
      return turned ? hour + "\n" + day : hour;
    });
    const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "12px system-ui" };
    const series = names.map((name) => ({
      label: name,
      paths: () => null,
      points: { show: true, size: 8, fill: colour(name), stroke: colour(name) },
    }));
    element.replaceChildren();
    const width = element.clientWidth - 24;
    return new uPlot({
      width: width,
      height: 190,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (u, low, high) => [0, Math.max(high * 1.15, 1)] } },
      tzDate: (second) => uPlot.tzDate(new Date(second * 1000), "Etc/UTC"),
      axes: [Object.assign({ values: clock }, axis), Object.assign({ label: "evidence, bits", labelSize: 18, size: 44, labelFont: "12px system-ui" }, axis)],
      series: [{}].concat(series),
    }, [data.at].concat(names.map((name) => data.bits.map((bits, i) => (data.severity[i] === name ? bits : null)))), element);
  }

  function drawAll() {
    if (!window.uPlot) return;
    for (const element of $$(".chart[data-points]")) draw(element);
  }

  addEventListener("resize", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
  refreshAges();
})();
