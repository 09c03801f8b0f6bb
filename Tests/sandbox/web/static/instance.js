/* The form of an instance: the Test button tests what was typed, without saving it and without leaving the page. */
'use strict';

const form = document.getElementById('instance-form');
const result = document.getElementById('result');
const progress = document.getElementById('progress');
const testButton = document.getElementById('test');

function show(kind, role, text) {
  const note = document.createElement('p');
  note.className = `note ${kind} lines`;
  note.setAttribute('role', role);
  note.textContent = text;
  result.replaceChildren(note);
  result.scrollIntoView({ block: 'nearest' });
}

async function test() {
  const body = new FormData(form);
  body.set('.do', 'test');
  const started = Date.now();
  const tick = () => { progress.textContent = `Testing, ${Math.round((Date.now() - started) / 1000)} s`; };
  result.replaceChildren();
  testButton.disabled = true;
  progress.classList.add('running');
  tick();
  const timer = setInterval(tick, 1000);
  try {
    const answer = await fetch(form.action, { method: 'POST', body, headers: { Accept: 'application/json' }, redirect: 'error' });
    const { problem, success } = await answer.json();
    if (success) show('success', 'status', success);
    else show('problem', 'alert', problem);
  } catch (error) {
    show('problem', 'alert', 'The server did not answer. Check that it runs, and sign in again in another tab.');
  } finally {
    clearInterval(timer);
    progress.classList.remove('running');
    progress.textContent = '';
    testButton.disabled = false;
  }
}

form.addEventListener('submit', (event) => {
  if (event.submitter !== testButton) return;
  event.preventDefault();
  test();
});
