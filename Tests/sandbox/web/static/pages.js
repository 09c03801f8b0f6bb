/* What all pages share: parts that refresh by themselves. Everything works without it, by reloading. */
'use strict';

/* A part with data-refresh="<seconds>" is replaced by what the server shows now, unless it is being used. */
function refreshLater(part) {
  const seconds = Number(part.dataset.refresh);
  if (seconds > 0) setTimeout(() => refresh(part), seconds * 1000);
}

function inUse(part) {
  return document.hidden || part.contains(document.activeElement) || part.querySelector('details[open], :popover-open') !== null;
}

async function refresh(part) {
  let next = part;
  if (!inUse(part)) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, redirect: 'error' });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const found = page.getElementById(part.id);
      if (answer.ok && found && !inUse(part)) {
        part.replaceWith(found);
        next = found;
      }
    } catch (error) {
      /* The server is being restarted: try again. */
    }
  }
  refreshLater(next);
}

document.querySelectorAll('[data-refresh]').forEach(refreshLater);
