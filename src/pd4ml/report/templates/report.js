"use strict";

// Sorting: a press on a heading sorts by it, best first; a second press turns the order around.
function sortTable(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const first = header.dataset.falling === "true" ? "descending" : "ascending";
  const turned = first === "descending" ? "ascending" : "descending";
  const order = header.getAttribute("aria-sort") === first ? turned : first;
  const sign = order === "ascending" ? 1 : -1;

  function value(row) {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.trim().toLowerCase();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }

  function compare(a, b) {
    const [left, right] = [value(a), value(b)];
    // What has no value comes last in either order.
    if (left === null || right === null) return (left === null) - (right === null);
    if (typeof left === "string") return sign * left.localeCompare(right);
    return sign * (left - right);
  }

  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  body.append(...Array.from(body.rows).sort(compare));
}

async function copyText(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard: select the text, and copy as one did before.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    done = document.execCommand("copy");
  }
  const label = button.textContent;
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = label; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copyText(button);
  else if (button.closest("th")) sortTable(button.closest("th"));
});
