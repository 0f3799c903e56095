// Keeps a page alive and sends its forms to the JSON API. Pages are whole without it, but for the forms.
"use strict";

const every = Number(document.body.dataset.refresh || 0) * 1000;

function busy() {
  const focused = document.activeElement;
  const typing = focused && focused.matches("input, textarea, select") && document.querySelector("main").contains(focused);
  return document.hidden || typing || String(window.getSelection()) !== "";
}

async function refresh() {
  if (busy()) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = document.activeElement && document.activeElement.id;
    const open = [...document.querySelectorAll("main details[open]")].map((one) => one.id);
    document.querySelector("main").replaceWith(page.querySelector("main"));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus();
    document.getElementById("lost").hidden = true;
  } catch {
    document.getElementById("lost").hidden = false;
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  const said = form.querySelector("[role=status]");
  try {
    const answer = await fetch(form.dataset.api, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.ok) {
      document.activeElement.blur();
      await refresh();
      if (!every) location.reload();
      return;
    }
    let reason = text;
    try { reason = JSON.parse(text).error || text; } catch { /* not JSON: the text itself */ }
    said.textContent = reason;
  } catch (error) {
    said.textContent = String(error);
  }
});

if (every) setInterval(refresh, every);
