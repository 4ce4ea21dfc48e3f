#include "assets.h"

namespace deneb::reports {

const char* const kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f5f7f9; --ink: #17202b; --soft: #566270; --line: #dde2e8;
  --accent: #0b62b8; --front: #0b62b8; --trial: #a3adb8; --failed: #c22f2f; --baseline: #b56a00;
  --good: #1c7a4a; --warn: #8a5a00; --front-row: #eaf3fc; --failed-row: #fdf0ef;
  --c0: #0b62b8; --c1: #c9540a; --c2: #0a8f68; --c3: #b0508c; --c4: #8d7400; --c5: #3f9fd1;
  --c6: #7155c0; --c7: #6b7480;
  --bit1: #eef7f4; --bit2: #d6ede6; --bit3: #b6dfd3; --bit4: #8fccbc; --bit5: #63b3a0;
  --bit6: #3b9584; --bit7: #217768; --bit8: #0d5a4d; --bit16: #5a4a9c; --bit32: #4a5462;
  --bit0: #ffffff; --bitshare: #b9c2cc;
  --on-bit1: #17202b; --on-bit2: #17202b; --on-bit3: #17202b; --on-bit4: #17202b;
  --on-bit5: #0c1a17; --on-bit6: #ffffff; --on-bit7: #ffffff; --on-bit8: #ffffff;
  --on-bit16: #ffffff; --on-bit32: #ffffff; --on-bit0: #17202b;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #12171d; --panel: #1a2129; --ink: #e4e9ee; --soft: #9aa6b2; --line: #2d3742;
    --accent: #6db3f2; --front: #6db3f2; --trial: #66727f; --failed: #f08a80; --baseline: #e5a84b;
    --good: #6fcf97; --warn: #e0b463; --front-row: #17293b; --failed-row: #331f20;
    --c0: #6db3f2; --c1: #f0935a; --c2: #4fd0a5; --c3: #e492c4; --c4: #d9c04d; --c5: #9ad7f5;
    --c6: #b7a3f0; --c7: #a7b1bb;
    --bit1: #152a27; --bit2: #18362f; --bit3: #1c473e; --bit4: #215c50; --bit5: #297667;
    --bit6: #389684; --bit7: #56b7a4; --bit8: #8bdac9; --bit16: #a797ec; --bit32: #aab4bf;
    --bit0: #12171d; --bitshare: #4a5664;
    --on-bit1: #cfd7de; --on-bit2: #d7dfe5; --on-bit3: #e4e9ee; --on-bit4: #f0f4f7;
    --on-bit5: #ffffff; --on-bit6: #07110f; --on-bit7: #07110f; --on-bit8: #07110f;
    --on-bit16: #0d0a1c; --on-bit32: #10151a; --on-bit0: #e4e9ee;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0 auto; max-width: 1180px; padding: 28px 24px 60px; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Liberation Sans", sans-serif; }
h1, h2, h3 { line-height: 1.2; margin: 0; text-wrap: balance; }
h1 { font-size: 2rem; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.45rem; margin: 0 0 12px; }
h2 small { font-size: 0.9rem; font-weight: 400; color: var(--soft); margin-left: 6px; }
h3 { font-size: 1.08rem; margin: 26px 0 4px; }
p { margin: 0 0 10px; max-width: 78ch; }
a { color: var(--accent); }
code, .mono { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono",
  monospace; font-size: 0.92em; overflow-wrap: anywhere; }
section { margin-top: 44px; padding-top: 26px; border-top: 1px solid var(--line);
  scroll-margin-top: 8px; }
.brand { color: var(--accent); font-weight: 650; font-size: 0.82rem; text-transform: uppercase;
  letter-spacing: 0.09em; margin-bottom: 4px; }
.lead { font-size: 1.12rem; margin-top: 12px; }
.notice { border-left: 4px solid var(--warn); background: var(--panel); padding: 8px 12px;
  border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 20px; font-size: 0.95rem; }

.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(145px, 1fr)); gap: 12px;
  margin: 22px 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; }
.card b { display: block; font-size: 1.6rem; font-weight: 650; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 0.88rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr));
  gap: 12px 24px; margin: 18px 0 0; }
.facts dt { color: var(--soft); font-size: 0.84rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.guide { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr));
  gap: 14px 32px; margin: 0; font-size: 0.95rem; }
.guide dt { font-weight: 650; }
.guide dd { margin: 0; color: var(--soft); }

.figure { margin: 26px 0 0; }
.figure h3 { margin-top: 0; }
.figure figcaption p { color: var(--soft); font-size: 0.95rem; margin-bottom: 8px; }
.pair { display: grid; align-items: end; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr));
  gap: 0 32px; }
.pair .figure { min-width: 0; }
.plot { position: relative; min-width: 0; }
.plot.scrolls { overflow-x: auto; padding-bottom: 4px; }
.plot.vega:not(.scrolls) { width: 100%; max-width: 900px; min-height: 300px; }
.plot.vega-embed { display: block; }
.choice { margin: 0 0 8px; }
select { font: inherit; font-size: 0.92rem; color: var(--ink); background: var(--panel);
  border: 1px solid var(--line); border-radius: 6px; padding: 4px 8px; max-width: 100%; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 0.88rem; color: var(--soft);
  margin-bottom: 6px; max-width: none; }
.key { display: inline-flex; align-items: center; gap: 6px; }
.key i { display: inline-block; width: 12px; height: 12px; flex: none; }
.key .dot-front { background: var(--front); border-radius: 50%; }
.key .dot-trial { background: var(--trial); border-radius: 50%; width: 9px; height: 9px; }
.key .dot-baseline { background: var(--baseline); }
.key .cross-failed { background: linear-gradient(45deg, transparent 43%, var(--failed) 43% 57%,
  transparent 57%), linear-gradient(-45deg, transparent 43%, var(--failed) 43% 57%,
  transparent 57%); }
.key .square { width: 16px; height: 16px; border-radius: 3px; border: 1px solid var(--line); }
.key .line { height: 0; width: 20px; border-top: 3px solid; }
.key .line.dashed { border-top-style: dashed; }

svg.chart { display: block; }
svg.fluid { width: 100%; height: auto; max-width: 900px; }
svg.chart text { font-family: inherit; fill: var(--soft); }
svg.chart .tick { font-size: 12.5px; font-variant-numeric: tabular-nums; }
svg.chart .tick.small { font-size: 11px; }
svg.chart .mono { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 11px; }
svg.chart .name { font-size: 13.5px; font-weight: 600; fill: var(--ink); }
svg.chart .mark-label { font-size: 11.5px; fill: var(--soft); stroke: var(--page);
  stroke-width: 3px; paint-order: stroke; }
svg.chart .grid { stroke: var(--line); stroke-width: 1; }
svg.chart .axis { stroke: var(--soft); stroke-width: 1; }
svg.chart .trial { fill: var(--trial); }
svg.chart .front { fill: var(--front); stroke: var(--page); stroke-width: 1; }
svg.chart .baseline { fill: var(--baseline); stroke: var(--page); stroke-width: 1; }
svg.chart .failed { stroke: var(--failed); stroke-width: 2.2; fill: none; }
svg.chart .front-line { fill: none; stroke: var(--front); stroke-width: 1.5; opacity: 0.55; }
svg.chart .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg.chart .dashed { stroke-dasharray: 6 4; }
svg.chart .pin { fill: var(--soft); }
svg.chart a:hover .mark, svg.chart .mark:hover { opacity: 0.7; }
svg.chart .share { fill: var(--bitshare); }
svg.chart .bit-text { font-size: 11px; }
)css"
                           R"css(
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.c6 { color: var(--c6); } .c7 { color: var(--c7); }
svg.chart .curve { stroke: currentColor; } svg.chart .dot { fill: currentColor; }
.w0 { fill: var(--bit0); background: var(--bit0); } .w1 { fill: var(--bit1); background: var(--bit1); }
.w2 { fill: var(--bit2); background: var(--bit2); } .w3 { fill: var(--bit3); background: var(--bit3); }
.w4 { fill: var(--bit4); background: var(--bit4); } .w5 { fill: var(--bit5); background: var(--bit5); }
.w6 { fill: var(--bit6); background: var(--bit6); } .w7 { fill: var(--bit7); background: var(--bit7); }
.w8 { fill: var(--bit8); background: var(--bit8); }
.w16 { fill: var(--bit16); background: var(--bit16); }
.w32 { fill: var(--bit32); background: var(--bit32); }
svg.chart .i0 { fill: var(--on-bit0); } svg.chart .i1 { fill: var(--on-bit1); }
svg.chart .i2 { fill: var(--on-bit2); } svg.chart .i3 { fill: var(--on-bit3); }
svg.chart .i4 { fill: var(--on-bit4); } svg.chart .i5 { fill: var(--on-bit5); }
svg.chart .i6 { fill: var(--on-bit6); } svg.chart .i7 { fill: var(--on-bit7); }
svg.chart .i8 { fill: var(--on-bit8); } svg.chart .i16 { fill: var(--on-bit16); }
svg.chart .i32 { fill: var(--on-bit32); }
#vg-tooltip-element.vg-tooltip { background: var(--panel); color: var(--ink);
  border: 1px solid var(--line); font: 13px/1.45 system-ui, sans-serif; white-space: pre-line;
  max-width: 380px; overflow-wrap: anywhere; }
#vg-tooltip-element table tr td.key { color: var(--soft); }

.table { overflow: auto; max-height: 76vh; border: 1px solid var(--line); border-radius: 8px;
  margin: 8px 0 0; }
.table.narrow { width: fit-content; max-width: 100%; }
table { border-collapse: separate; border-spacing: 0; font-size: 0.88rem; width: 100%; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; padding: 6px 11px; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: baseline; }
th { position: sticky; top: 0; background: var(--panel); font-weight: 600; z-index: 1; }
tbody tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
th button { all: unset; cursor: pointer; }
th button::after { content: "\00a0\00a0"; color: var(--soft); }
th[aria-sort="ascending"] button::after { content: "\00a0\2191"; }
th[aria-sort="descending"] button::after { content: "\00a0\2193"; }
th button:focus-visible, select:focus-visible, .table:focus-visible, .plot:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; }
tr.front td { background: var(--front-row); }
tr.failed td { background: var(--failed-row); }
tr.baseline td { color: var(--soft); }
tr.reference td { color: var(--soft); font-style: italic; }
tr:target td { box-shadow: inset 0 2px var(--accent), inset 0 -2px var(--accent); }
td.widths { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 0.92em; max-width: 30ch; overflow: hidden; text-overflow: ellipsis; }
td.message div { width: 46ch; max-height: 4.7em; overflow: auto; white-space: pre-line;
  overflow-wrap: anywhere; }
.tag { display: inline-block; padding: 0 8px; border-radius: 99px; font-size: 0.92em;
  border: 1px solid currentColor; color: var(--soft); }
.tag.finished { color: var(--good); } .tag.running { color: var(--accent); }
.tag.failed, .tag.timeout { color: var(--failed); }
.tag.interrupted, .tag.rejected { color: var(--warn); }
footer { margin-top: 56px; padding-top: 18px; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 0.88rem; }
footer pre { overflow-x: auto; font-size: 0.82rem; }

@media (max-width: 640px) {
  body { padding: 18px 14px 40px; font-size: 15px; }
  h1 { font-size: 1.5rem; }
  section { margin-top: 32px; padding-top: 20px; }
  .cards { grid-template-columns: repeat(2, 1fr); }
  .card b { font-size: 1.3rem; }
  .facts { grid-template-columns: repeat(2, 1fr); }
  svg.fluid .tick { font-size: 21px; }
  svg.fluid .name { font-size: 21px; }
  svg.fluid .mark-label { font-size: 19px; }
  svg.fluid .every-other { display: none; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; }
  nav, .choice, footer details { display: none; }
  .figure, .cards, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .table { max-height: none; overflow: visible; border: 0; }
  td.message div { width: auto; max-height: none; }
  .plot.scrolls { overflow: visible; }
  .plot.scrolls svg { max-width: 100%; height: auto; }
  table { font-size: 8pt; }
  th { position: static; }
  th, td { white-space: normal; padding: 3px 5px; }
  a { color: inherit; text-decoration: none; }
}
)css";

}  // namespace deneb::reports
