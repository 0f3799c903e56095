// Keeps a page alive and sends its forms to the JSON API. Pages are whole without it, but for those forms.
"use strict";

const every = Number(document.body.dataset.refresh) * 1000;
const said = document.getElementById("said");
const FIELDS = "input, textarea, select";

function isDirty(form) {
  return [...form.elements].some((field) =>
    field.matches("select") ? ![...field.options].some((one, at) => one.selected && (one.defaultSelected || at === 0))
      : field.matches(FIELDS) && field.value !== field.defaultValue);
}

// Somebody types, marks text, or is about to click: the page waits.
function isBusy() {
  const focused = document.activeElement;
  const typing = focused && focused.matches(FIELDS) && focused.closest("main");
  return document.hidden || typing || !getSelection().isCollapsed || document.querySelector("main :is(:active, :popover-open)");
}

// What has the focus, said so that it is found again in the new page.
function placeOf(element) {
  if (!element || !element.closest("main")) return null;
  const root = element.closest("main [id]") || document.querySelector("main");
  return { root: root.id, at: [...root.querySelectorAll("a, button, summary, [tabindex], " + FIELDS)].indexOf(element) };
}

function focusAgain(place) {
  const root = place && document.getElementById(place.root);
  const found = root && (place.at < 0 ? root : root.querySelectorAll("a, button, summary, [tabindex], " + FIELDS)[place.at]);
  (found || document.querySelector("main h1"))?.focus({ preventScroll: true });
}

function swap(fresh) {
  const old = document.querySelector("main");
  for (const form of old.querySelectorAll("form[id]")) {
    if (isDirty(form)) fresh.querySelector("#" + CSS.escape(form.id))?.replaceWith(form);
  }
  for (const one of old.querySelectorAll("details[id]")) {
    fresh.querySelector("#" + CSS.escape(one.id))?.toggleAttribute("open", one.open);
  }
  const scrolled = [...old.querySelectorAll(".scroll")].map((one) => [one.getAttribute("aria-label"), one.scrollLeft]);
  old.replaceWith(fresh);
  for (const [label, left] of scrolled) {
    const one = left && fresh.querySelector(`.scroll[aria-label="${CSS.escape(label)}"]`);
    if (one) one.scrollLeft = left;
  }
  remember(fresh);
}

async function refresh(now) {
  if (!now && isBusy()) return;
  const lost = document.getElementById("lost");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!now && isBusy()) return;
    const place = placeOf(document.activeElement);
    swap(page.querySelector("main"));
    if (place) focusAgain(place);
    const count = page.getElementById("count");
    document.getElementById("count").replaceWith(count);
    document.title = page.title;
    lost.hidden = true;
  } catch {
    lost.hidden = false;
  }
}

// A person's name, typed once, is there the next time.
function remember(root) {
  for (const field of root.querySelectorAll("[data-remember]")) {
    const known = localStorage.getItem(field.dataset.remember);
    if (known && !field.value) field.value = field.defaultValue = known;
  }
}

function bodyOf(form) {
  const given = [...new FormData(form)].filter(([, value]) => value !== "");
  const fixed = form.dataset.body ? { by: localStorage.getItem("by") || "", ...JSON.parse(form.dataset.body) } : {};
  return JSON.stringify({ ...fixed, ...Object.fromEntries(given) });
}

async function send(form) {
  const method = form.dataset.method || "POST";
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(form.dataset.api, { method, headers, body: method === "DELETE" ? null : bodyOf(form) });
  if (answer.ok) return "";
  const text = await answer.text();
  try {
    const told = JSON.parse(text);
    return [told.error || told, told.remedy].filter(Boolean).join(": ");
  } catch {
    return text || answer.statusText;
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  const fault = form.querySelector(".fault");
  fault.textContent = said.textContent = "";
  for (const field of form.querySelectorAll("[data-remember]")) localStorage.setItem(field.dataset.remember, field.value);
  let reason;
  try {
    reason = await send(form);
  } catch (error) {
    reason = `not sent: ${error.message}`;
  }
  if (reason) {
    fault.textContent = reason;
    return;
  }
  form.reset();
  await refresh(true);
  said.textContent = form.dataset.done;
  setTimeout(() => { if (said.textContent === form.dataset.done) said.textContent = ""; }, 8000);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches("[data-submit]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.addEventListener("input", (event) => {
  const list = event.target.dataset.filter;
  if (!list) return;
  const wanted = event.target.value.toLowerCase();
  for (const item of document.getElementById(list).children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-send]")) event.target.form.requestSubmit();
});

remember(document);
if (every) setInterval(() => refresh(false), every);
