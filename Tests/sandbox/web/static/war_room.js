/* War rooms: entries that update by themselves, and a command line that completes, remembers and takes files. */
'use strict';

const list = document.getElementById('entries');
const form = document.getElementById('say');
const line = document.getElementById('text');
const choices = document.getElementById('choices');
const chosen = document.getElementById('chosen');
const file = document.getElementById('file');

/* Entries */

let waiting = 0;
let timer = 0;

function isAtEnd() {
  return window.innerHeight + window.scrollY > document.documentElement.scrollHeight - 160;
}

function scrollToEnd() {
  window.scrollTo({ top: document.documentElement.scrollHeight });
}

/* Show what the server shows now, touching only the entries that changed: what a person selected or opened stays. */
function merge(html) {
  const part = new DOMParser().parseFromString(`<ol>${html}</ol>`, 'text/html').querySelector('ol');
  const follow = isAtEnd();
  let changed = false;
  const known = new Map([...list.children].map((each) => [each.id, each]));
  const next = [...part.children].map((fresh) => {
    const old = known.get(fresh.id);
    const times = (node) => node.outerHTML.replace(/<time[^]*?<\/time>| open=""/g, '');
    if (old && fresh.id && times(old) === times(fresh)) return old;
    changed = true;
    return fresh;
  });
  if (changed || next.length !== list.children.length) list.replaceChildren(...next);
  if (next.length) document.getElementById('nothing')?.remove();
  if (changed && follow) scrollToEnd();
}

function isBusy() {
  return waiting > 0 || list.querySelector('[data-busy]') !== null;
}

async function update() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      const answer = await fetch(list.dataset.source, { redirect: 'error' });
      if (answer.ok) merge(await answer.text());
    } catch (error) {
      /* The server is being restarted, or asks for a new sign-in: the next one tells. */
    }
  }
  clearTimeout(timer);
  timer = setTimeout(update, isBusy() ? 700 : 3000);
}

/* History: lines of this tab, but none with a secret in it. */

const HISTORY = `history ${location.pathname}`;
let history = JSON.parse(sessionStorage.getItem(HISTORY) || '[]');
let place = history.length;
let draft = '';

function remember(text) {
  const parsed = parse(text);
  const secrets = parsed.command ? parsed.command.arguments.filter((each) => each.secret).map((each) => each.name) : [];
  if (parsed.given.some((name) => secrets.includes(name)) || history.at(-1) === text) return;
  history = [...history, text].slice(-200);
  sessionStorage.setItem(HISTORY, JSON.stringify(history));
}

function browse(step) {
  if (place === history.length) draft = line.value;
  place = Math.max(0, Math.min(history.length, place + step));
  setLine(place === history.length ? draft : history[place]);
}

function setLine(text, caret = text.length) {
  line.value = text;
  line.setSelectionRange(caret, caret);
  grow();
}

function grow() {
  line.rows = Math.min(12, line.value.split('\n').length);
}

/* Completion */

let commands = [];
let found = [];
let active = -1;

async function load() {
  const answer = await fetch(form.dataset.commands, { redirect: 'error' });
  if (answer.ok) commands = await answer.json();
}

/* Split a line up to the caret: the command, the arguments given, and the word that is being typed. */
function parse(text) {
  const [, name = '', rest = ''] = text.match(/^\s*!(\S*)([^]*)$/) || [];
  const words = rest.match(/(?:(?<![^\s=])'(?:\\.|[^'\\])*'?|[^\s"`]|"(?:\\.|[^"\\])*"?|`[^`]*`?)+/g) || [];
  const given = words.map((word) => (word.match(/^([\w-]+)=/) || [])[1]).filter(Boolean);
  const word = /\s$/.test(rest) || !words.length ? '' : words.at(-1);
  return { name, rest, given, word, command: commands.find((each) => each.name === name) };
}

function suggestions(text) {
  if (!text.trimStart().startsWith('!')) return [];
  const { name, rest, given, word, command } = parse(text);
  if (!rest) {
    const wanted = name.toLowerCase();
    const match = (each) => each.name.toLowerCase().includes(wanted);
    const rank = (each) => (each.name.toLowerCase().startsWith(wanted) ? 0 : 1);
    return commands.filter(match).sort((a, b) => rank(a) - rank(b))
      .map((each) => ({ shown: `!${each.name}`, about: each.description, typed: name, full: `${each.name} ` }));
  }
  if (!command) return [];
  const [, argumentName, value] = word.match(/^([\w-]+)=([^]*)$/) || [];
  if (argumentName) return valueSuggestions(command.arguments.find((each) => each.name === argumentName), value);
  if (/["`=]/.test(word)) return [];
  return command.arguments
    .filter((each) => (!given.includes(each.name)) && each.name.toLowerCase().includes(word.toLowerCase()))
    .map((each) => ({
      shown: `${each.name}=`, about: `${each.required ? 'Required. ' : ''}${each.description || ''}`, typed: word, full: `${each.name}=`,
    }));
}

function valueSuggestions(argument, value) {
  if (!argument?.options?.length) return [];
  const open = /^["']/.test(value) ? value[0] : '';
  const bare = value.slice(open.length);
  const last = argument.list ? bare.slice(bare.lastIndexOf(',') + 1) : bare;
  if (open && bare.endsWith(open)) return [];
  return argument.options.filter((each) => each.toLowerCase().includes(last.toLowerCase())).map((each) => {
    const before = bare.slice(0, bare.length - last.length);
    const quote = open || (/\s/.test(before + each) ? '"' : '');
    return { shown: each, about: '', typed: value, full: `${quote}${before}${each}${quote} ` };
  });
}

function suggest() {
  grow();
  const caret = line.selectionStart;
  found = line.selectionEnd === caret ? suggestions(line.value.slice(0, caret)).slice(0, 50) : [];
  if (found.length === 1 && found[0].typed === found[0].full.trimEnd()) found = [];
  show(-1);
}

function show(index) {
  active = index;
  choices.replaceChildren(...found.map((each, number) => {
    const item = document.createElement('li');
    item.id = `choice-${number}`;
    item.setAttribute('role', 'option');
    item.setAttribute('aria-selected', String(number === index));
    const name = document.createElement('span');
    name.className = 'mono';
    name.textContent = each.shown;
    const about = document.createElement('span');
    about.className = 'soft';
    about.textContent = each.about;
    item.append(name, about);
    item.addEventListener('mousedown', (event) => { event.preventDefault(); accept(number); });
    return item;
  }));
  choices.hidden = !found.length;
  if (index >= 0) {
    line.setAttribute('aria-activedescendant', `choice-${index}`);
    choices.children[index].scrollIntoView({ block: 'nearest' });
  } else {
    line.removeAttribute('aria-activedescendant');
    choices.scrollTop = 0;
  }
}

function accept(index) {
  const { typed, full } = found[index];
  const caret = line.selectionStart;
  const before = line.value.slice(0, caret - typed.length) + full;
  setLine(before + line.value.slice(caret).trimStart(), before.length);
  line.focus();
  suggest();
}

function close() {
  found = [];
  show(-1);
}

/* The line */

const MOVES = { ArrowDown: 1, ArrowUp: -1 };

function key(event) {
  if (event.isComposing) return;
  const move = MOVES[event.key];
  if (event.key === 'Escape' && found.length) {
    close();
  } else if (move && found.length && (active >= 0 || move > 0)) {
    show((active + move + found.length) % found.length);
  } else if (move && isEdge(move)) {
    browse(move);
  } else if (event.key === 'Tab' && !event.shiftKey && found.length) {
    accept(Math.max(0, active));
  } else if (event.key === 'Enter' && active >= 0) {
    accept(active);
  } else if (event.key === 'Enter' && !event.shiftKey) {
    form.requestSubmit();
  } else {
    return;
  }
  event.preventDefault();
}

/* Up on the first line and down on the last one leave the text. */
function isEdge(move) {
  const caret = line.selectionStart;
  return move < 0 ? !line.value.slice(0, caret).includes('\n') : !line.value.slice(caret).includes('\n');
}

async function send(event) {
  event.preventDefault();
  const text = line.value.trim();
  if (!text && !file.files.length) return;
  const body = new FormData(form);
  if (text) remember(text);
  place = history.length;
  close();
  setLine('');
  file.value = '';
  files();
  waiting += 1;
  setTimeout(update, 150);
  scrollToEnd();
  try {
    const answer = await fetch(form.action, { method: 'POST', body, redirect: 'manual' });
    if (answer.type !== 'opaqueredirect') throw new Error(String(answer.status));
  } catch (error) {
    chosen.textContent = 'This was not sent. Check that the server runs, and reload the page to sign in again.';
    setLine(text);
  } finally {
    waiting -= 1;
  }
  await update();
  load();
}

function files() {
  const names = [...file.files].map((each) => each.name);
  chosen.textContent = names.length ? `Run sends ${names.join(', ')}.` : '';
}

if (list.dataset.source) {
  update();
  scrollToEnd();
}
if (form) {
  load();
  line.addEventListener('input', suggest);
  line.addEventListener('click', suggest);
  line.addEventListener('keydown', key);
  line.addEventListener('blur', close);
  file.addEventListener('change', files);
  form.addEventListener('submit', send);
  for (const kind of ['dragover', 'drop']) {
    document.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes('Files')) return;
      event.preventDefault();
      if (kind === 'drop') { file.files = event.dataTransfer.files; files(); }
    });
  }
}
