// Words come from the server in one language, numbers by server-sent events; the page only puts them together.
// Everything is set as text, never as HTML: what a machine tells must not become a script.
"use strict";

const LIFE = ["launching", "installing", "ready", "parked"];
const at = (id) => document.getElementById(id);
const language = document.documentElement.lang;
let words = {};
let previous = "";

const say = (name, parts = {}) =>
  (words[name] ?? name).replace(/\{(\w+)\}/g, (whole, part) => parts[part] ?? whole);
// A sentence of the server in the language of the page.
const told = (sentence) => (typeof sentence === "string" ? sentence : sentence?.[language] ?? "");
const money = (amount) => (amount === null || amount === undefined ? say("not-known") : amount.toFixed(2));

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? say("minutes-left", { minutes }) : say("hours-left", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

function showLife(view) {
  at("life").replaceChildren(...LIFE.map((stage) =>
    make("li", say(stage), stage === view.stage ? { "aria-current": "step" } : {})));
  const parts = { machine: view.machine?.id ?? "", zone: view.machine?.zone ?? "", image: view.image?.id ?? say("no-image") };
  at("where").textContent = say(`where-${view.stage}`, parts);
}

function showDemo(view) {
  const place = at("demo");
  place.replaceChildren(make("span", say(`demo-${view.demo.state}`)));
  if (view.demo.model) place.append(` · ${view.demo.model}`);
  if (view.demo.url) {
    place.append(make("br"), make("a", view.demo.url, { href: view.demo.url, rel: "noreferrer", target: "_blank" }));
  }
  if (view.demo.fingerprint) {
    place.append(make("br"), make("small", say("demo-fingerprint", { print: view.demo.fingerprint })));
  }
}

function showCost(view) {
  const rows = view.cost === null ? [["cost-now", undefined]] : [
    ["cost-now", view.cost.hourly], ["cost-today", view.cost.today],
    ["cost-running", view.cost.runningMonthly], ["cost-parked", view.cost.parkedMonthly],
  ];
  at("cost").replaceChildren(...rows.flatMap(([name, amount]) => [make("dt", say(name)), make("dd", money(amount))]));
}

function showGpu(view) {
  const place = at("gpu");
  if (!view.gpu) return place.replaceChildren(make("p", say("gpu-none"), { class: "pending" }));
  const { usedMib, totalMib, percent } = view.gpu;
  const memory = say("gpu-memory", { used: (usedMib / 1024).toFixed(1), total: (totalMib / 1024).toFixed(1) });
  place.replaceChildren(
    make("p", memory, { id: "gpu-memory" }),
    make("progress", undefined, { value: usedMib, max: totalMib, "aria-labelledby": "gpu-memory" }));
  if (percent !== null && percent !== undefined) place.append(make("p", say("gpu-use", { percent })));
}

function showSteps(view) {
  const rows = view.steps.map((step) => {
    const row = make("li");
    row.append(make("span", told(step.title)));
    const done = step.state === "done" ? 100 : step.percent ?? 0;
    row.append(make("progress", undefined, { value: done, max: 100, "aria-label": told(step.title) }));
    const left = step.state === "running" ? timeLeft(step.secondsLeft) : "";
    row.append(make("span", left || say(`step-${step.state}`), { class: `word ${step.state}` }));
    if (step.error) row.append(make("p", told(step.error), { class: "error" }));
    return row;
  });
  at("steps").replaceChildren(...(rows.length ? rows : [make("li", say("steps-none"))]));
}

function line(points, kind, x, y) {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  path.setAttribute("points", points.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" "));
  path.setAttribute("class", kind);
  return path;
}

function showCurve(training) {
  const place = at("curve");
  const all = [...training.losses, ...training.heldOut];
  if (training.losses.length < 2) return place.replaceChildren();
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const steps = all.map(([step]) => step), losses = all.map(([, loss]) => loss);
  const [from, to] = [Math.min(...steps), Math.max(...steps)], top = Math.max(...losses) * 1.05 || 1;
  const x = (step) => 48 + (572 * (step - from)) / Math.max(to - from, 1), y = (loss) => 170 - (155 * loss) / top;
  svg.setAttribute("viewBox", "0 0 640 200");
  svg.setAttribute("role", "img");
  const last = training.losses.at(-1);
  svg.setAttribute("aria-label", say("curve", { first: training.losses[0][1].toFixed(3), last: last[1].toFixed(3), step: last[0] }));
  const axis = document.createElementNS(namespace, "path");
  axis.setAttribute("d", "M48 10V170H630"); axis.setAttribute("class", "axis"); axis.setAttribute("fill", "none");
  svg.append(axis, line(training.losses, "loss", x, y));
  if (training.heldOut.length > 1) svg.append(line(training.heldOut, "held", x, y));
  for (const [value, place] of [[top, 18], [top / 2, 95], [0, 170]]) {
    const text = document.createElementNS(namespace, "text");
    text.setAttribute("x", 4); text.setAttribute("y", place); text.textContent = value.toFixed(2);
    svg.append(text);
  }
  for (const [value, anchor, place] of [[from, "start", 48], [to, "end", 620]]) {
    const text = document.createElementNS(namespace, "text");
    text.setAttribute("x", place); text.setAttribute("y", 190); text.setAttribute("text-anchor", anchor); text.textContent = value;
    svg.append(text);
  }
  const legend = make("p", undefined, { class: "legend" });
  legend.append(make("span", say("curve-loss"), { class: "loss" }));
  if (training.heldOut.length > 1) legend.append(make("span", say("curve-held"), { class: "held" }));
  place.replaceChildren(svg, legend);
}

function showTraining(view) {
  if (!view.training) {
    at("training").textContent = say("training-none");
    return at("curve").replaceChildren();
  }
  const { run, step, total, secondsLeft } = view.training;
  at("training").textContent = [run, step !== null && step !== undefined ? say("training-step", { step, total: total ?? "?" }) : "", timeLeft(secondsLeft)].filter(Boolean).join(" · ");
  showCurve(view.training);
}

function showEvents(view) {
  const rows = view.events.map((event) => {
    const row = make("li");
    row.append(make("time", new Date(event.time).toLocaleString(language), { datetime: event.time }));
    row.append(make("span", say(`by-${event.by}`)), make("span", event[language] ?? event.en));
    return row;
  });
  at("events").replaceChildren(...(rows.length ? rows : [make("li", say("events-none"))]));
}

function show(view) {
  const notice = at("notice");
  notice.textContent = view.failure ? say("failure", { reason: view.failure }) : told(view.notice);
  notice.hidden = !notice.textContent;
  if (view.failure) return;
  at("stack").textContent = view.stack;
  at("region").textContent = view.region;
  document.title = `${view.stack} · ${say(view.stage)}`;
  showLife(view); showDemo(view); showCost(view); showGpu(view); showSteps(view); showTraining(view); showEvents(view);
  const unknown = view.unknown;
  at("unknown-section").hidden = !unknown.length;
  at("unknown").replaceChildren(...unknown.map(({ what, why }) => make("li", `${told(what)}: ${why}`)));
  at("time").textContent = say("seen", { time: new Date(view.time).toLocaleTimeString(language) });
}

async function start() {
  words = await (await fetch(`/words?lang=${language}`)).json();
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  const other = language === "zh" ? "en" : "zh";
  at("other").href = `/?lang=${other}`;
  at("other").lang = other;
  at("other").textContent = other === "zh" ? "中文" : "English";
  const events = new EventSource("/events");
  // The same look twice changes nothing, so that a screen reader is not read to again and again.
  events.onmessage = (event) => { if (event.data !== previous) { previous = event.data; show(JSON.parse(event.data)); } };
  events.onerror = () => { at("notice").textContent = say("cut-off"); at("notice").hidden = false; previous = ""; };
}

start();
