// Betters what works without it: times in the zone of the reader, and buttons that copy.
"use strict";
const forms = {
  time: new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"}),
  axis: new Intl.DateTimeFormat(undefined, {weekday: "short", hour: "2-digit", minute: "2-digit"}),
};
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  time.title = time.textContent;
  time.textContent = forms[time.dataset.as ?? "time"].format(at);
}
for (const button of document.querySelectorAll("[data-copies]")) {
  const field = document.getElementById(button.dataset.copies);
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(field);
    field.select?.();
    try {
      await navigator.clipboard.writeText(field.value ?? field.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C";
    }
  });
}
