"""The stylesheet of the report, for light and dark screens and for paper."""

STYLE = """
:root{color-scheme:light dark;--bg:#fbfaf7;--card:#fff;--ink:#1d1f24;--soft:#666b75;--line:#e4e1d9;
--one:#2a66a3;--two:#b8452f;--three:#6f50b8;--four:#23775c}
@media(prefers-color-scheme:dark){:root{--bg:#15171b;--card:#1d2026;--ink:#e9e7e2;--soft:#9aa0ab;--line:#30343c;
--one:#6cacea;--two:#f08a70;--three:#b199f0;--four:#63c7a6}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;
overflow-wrap:break-word}
main{max-width:1080px;margin:0 auto;padding:48px 24px 80px}
h1{font:600 2.3rem/1.15 Georgia,"Times New Roman",serif;margin:.1em 0 .4em}
h2{font:600 1.35rem/1.3 Georgia,"Times New Roman",serif;margin:0 0 16px}
h3{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:24px 0 10px}
.eyebrow{margin:0;color:var(--soft);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase}
.lead{max-width:44em;font-size:1.1rem;margin:0;color:var(--soft)}.lead strong{color:var(--ink)}
section{margin-top:52px}
.cards{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px;margin:32px 0 0}
.card,figure,.script{background:var(--card);border:1px solid var(--line);border-radius:10px}
.card{padding:14px 16px}.card dt{font-size:.8rem;color:var(--soft)}
.card dd{margin:2px 0 0;font:600 1.35rem/1.3 Georgia,serif;font-variant-numeric:tabular-nums}
.card:first-child dd{color:var(--two)}
.charts{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,3fr);gap:16px}
figure{margin:0;padding:16px}figure:first-child{grid-row:span 2}
figcaption{font-size:.9rem;color:var(--soft);margin-bottom:8px}svg{width:100%;height:auto;display:block}
.grid{stroke:var(--line);stroke-width:1}.tick{fill:var(--soft);font-size:12px}
.value{font-size:13px;font-weight:600;font-variant-numeric:tabular-nums}
.value.one{fill:var(--one)}.value.two{fill:var(--two)}.value.three{fill:var(--three)}.value.four{fill:var(--four)}
.best{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}.dot{stroke:var(--card);stroke-width:1.5}
.line.one{stroke:var(--one)}.line.two{stroke:var(--two)}.line.three{stroke:var(--three)}.line.four{stroke:var(--four)}
.dot.one{fill:var(--one)}.dot.two{fill:var(--two)}.dot.three{fill:var(--three)}.dot.four{fill:var(--four)}
.key{margin-left:14px;white-space:nowrap}.key::before{content:"";display:inline-block;width:12px;height:3px;
border-radius:2px;margin:0 6px 4px 0;background:currentColor}
.key.one{color:var(--one)}.key.two{color:var(--two)}.key.three{color:var(--three)}.key.four{color:var(--four)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:7px 14px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:500;color:var(--soft)}.facts th{width:12em}.classes td:not(.wide){width:9em}
.wide{width:50%}.bar{display:block;height:10px;margin-top:7px;border-radius:5px;background:var(--one)}
.chips{list-style:none;display:flex;flex-wrap:wrap;gap:6px;margin:0;padding:0}
.chips li{border:1px solid var(--line);background:var(--card);border-radius:14px;padding:2px 11px;font-size:.9rem;
overflow-wrap:anywhere}
.chips small{color:var(--soft);margin-left:6px}
.scripts{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:16px;align-items:start}
.script{padding:4px 22px 14px;font:15px/1.5 Georgia,"Times New Roman",serif}
.script h3{font-family:system-ui,sans-serif;margin-top:16px}
.script p{margin:0 0 10px}.speech{padding-left:1.2em;text-indent:-1.2em}
.speech b{font-size:.82em;letter-spacing:.04em;margin-right:.3em}
.exposition{font-style:italic;color:var(--soft);text-align:center}
pre,code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;white-space:pre-wrap}
.note{color:var(--soft);font-size:.92rem}summary{cursor:pointer;color:var(--soft)}
@media(max-width:720px){.cards{grid-template-columns:repeat(2,minmax(0,1fr))}.charts{grid-template-columns:minmax(0,1fr)}main{padding-top:28px}
figure:first-child :is(.tick,.value){font-size:18px}.classes td:not(.wide){width:auto}th,td{padding-right:8px}}
@media print{*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc}main{max-width:none;padding:0}
section{margin-top:32px}h2,h3{break-after:avoid}figure,.card,tr,.script p,pre{break-inside:avoid}
.scripts{grid-template-columns:repeat(3,minmax(0,1fr))}
.script{padding:4px 14px 8px;font-size:13px}details{display:none}}
"""
