// Draws with ECharts in the page's colours; the library is loaded when the first chart is.

import { h } from "./dom.js";

let library = null;
const load = () => (library ??= import("/static/vendor/echarts/echarts.esm.min.js"));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// `option` is made when the library is there, by a function that gets the colours.
export function chart(option, { height = 280, label, onPick } = {}) {
  const place = h("div", { class: "chart", role: "img", "aria-label": label ?? "", style: null });
  place.style.height = `${height}px`;
  load().then((echarts) => {
    const drawn = echarts.init(place, null, { renderer: "canvas" });
    drawn.setOption(option(colours()));
    if (onPick) drawn.on("click", (event) => onPick(event));
    const sizes = new ResizeObserver(() => {
      if (!place.isConnected) { sizes.disconnect(); drawn.dispose(); }
      else drawn.resize();
    });
    sizes.observe(place);
  });
  return place;
}

function colours() {
  return { ink: colour("--ink"), soft: colour("--ink-3"), line: colour("--line"), accent: colour("--accent"), mark: colour("--mark"), panel: colour("--panel"), low: colour("--accent-soft"), info: colour("--info") };
}

const tooltip = (c) => ({ trigger: "axis", renderMode: "richText", backgroundColor: c.panel, borderColor: c.line, textStyle: { color: c.ink } });
const axis = (c) => ({ axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false }, axisLabel: { color: c.soft }, splitLine: { lineStyle: { color: c.line, type: "dashed" } } });

// Divisions of time: bars of counts, lines of shares and lengths; what it is compared with as a thin line.
export function overTime(labels, series, { unit, bars }) {
  return (c) => ({
    animationDuration: 300,
    grid: { left: 8, right: 12, top: series.length > 1 ? 34 : 14, bottom: 6, containLabel: true },
    legend: series.length > 1 ? { top: 0, textStyle: { color: c.soft } } : undefined,
    tooltip: { ...tooltip(c), valueFormatter: (value) => (value === null || value === undefined ? "—" : `${value}${unit}`) },
    xAxis: { type: "category", data: labels, ...axis(c), splitLine: { show: false } },
    yAxis: { type: "value", scale: !bars, ...axis(c), axisLabel: { color: c.soft, formatter: `{value}${unit}` } },
    series: series.map(({ name, values }, at) => ({
      name,
      data: values,
      type: at === 0 && bars ? "bar" : "line",
      barMaxWidth: 34,
      symbolSize: 5,
      lineStyle: { width: at === 0 ? 2.5 : 1.5, type: at === 0 ? "solid" : "dashed" },
      itemStyle: { color: [c.accent, c.mark, c.info, c.soft][at % 4], borderRadius: [3, 3, 0, 0] },
    })),
  });
}

// Everything else: the largest first, lying.
export function ranked(labels, values, { unit, notes }) {
  return (c) => ({
    animationDuration: 300,
    grid: { left: 8, right: 110, top: 6, bottom: 6, containLabel: true },
    tooltip: { ...tooltip(c), axisPointer: { type: "shadow" }, valueFormatter: (value) => `${value ?? "—"}${unit}` },
    xAxis: { type: "value", ...axis(c) },
    yAxis: { type: "category", inverse: true, data: labels, ...axis(c), axisLabel: { color: c.ink } },
    series: [{ type: "bar", data: values, barMaxWidth: 20, itemStyle: { color: c.accent, borderRadius: [0, 3, 3, 0] }, label: { show: true, position: "right", color: c.soft, formatter: ({ value, dataIndex }) => `${value}${unit}　${notes?.[dataIndex] ?? ""}` } }],
  });
}

// Hours across, days down.
export function heat(hours, days, cells, most) {
  return (c) => ({
    animation: false,
    grid: { left: 8, right: 8, top: 8, bottom: 48, containLabel: true },
    tooltip: { ...tooltip(c), trigger: "item", formatter: ({ data }) => `${days[data[1]]} ${hours[data[0]]}　${data[2]}` },
    xAxis: { type: "category", data: hours, ...axis(c), splitArea: { show: false }, splitLine: { show: false } },
    yAxis: { type: "category", data: days, inverse: true, ...axis(c), splitLine: { show: false } },
    visualMap: { text: [String(most), "0"], min: 0, max: Math.max(1, most), calculable: false, orient: "horizontal", left: "center", bottom: 4, itemHeight: 120, inRange: { color: [c.low, c.accent] }, textStyle: { color: c.soft } },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: c.panel, borderWidth: 1 }, emphasis: { itemStyle: { borderColor: c.mark, borderWidth: 2 } } }],
  });
}
