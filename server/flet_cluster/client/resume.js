/* flet-cluster: keeps the app's websocket open across real disconnects.
 *
 * Loaded by index.html before Flutter starts. It replaces window.WebSocket for the app's endpoint only. What
 * Flutter gets is a facade that stays open while real sockets come and go underneath: what the app sends is
 * numbered and kept until a node has committed it, what the node sends is handed on exactly once and in order.
 * The same rules in Python, with tests: protocol/client_link.py. The close codes: protocol/close.py.
 *
 * Settings: `flet.webSocketEndpoint`; and any of SETTINGS in `flet.cluster` or `window.fletCluster`.
 * Events on window: "fletcluster" with detail {state: connecting|connected|offline|plain|reset|stopped, ...}.
 */
(() => {
  'use strict';

  const Native = window.WebSocket;
  if (!Native || Native.fletCluster) return;

  const SUBPROTOCOL = 'flet-cluster.v1';
  const PLAIN = 'flet-cluster.plain'; // browsers drop a socket whose server answers no offered protocol
  const DATA = 0x10, DATAGRAM = 0x11, HEADER = 9;
  const FLET_DATAGRAM = 0x01; // first byte of Flet's raw data channel packets: not state, may be lost
  const NO_ANSWER = 4105, GAP = 4102, ROLLBACK = 4303, PROTOCOL = 4401, TOO_BIG = 4402;

  const SETTINGS = { // milliseconds unless the name says otherwise
    firstJitter: 200, // the first retry comes within this time, so that a node's clients do not return as one
    backoff: 500, // later ones: random below backoff * 2^n, "full jitter" ...
    backoffCap: 15000, // ... and below this
    laterPause: 1000, // "retry later" waits at least this long
    stableAfter: 5000, // a connection that lived this long starts the count again
    connectTimeout: 10000, // no TCP/TLS/upgrade
    welcomeTimeout: 20000, // no welcome: the node may be waiting for another one to let the session go
    idlePing: 12000, // silence after which we ask ...
    idlePong: 5000, // ... and wait so long for any frame at all
    sendPing: 1000, // silence after something was sent: asked sooner, since somebody is waiting
    sendPong: 2000,
    ackDelay: 300, // output is acknowledged at the latest after this time ...
    ackFrames: 16, // ... or this number of frames
    queueFrames: 4096, // kept for the node in all; beyond it input is refused, visibly
    queueBytes: 64 << 20,
    claimPatience: 1500, // how long a reloaded page waits for its predecessor to let go of the token
    claimRetry: 100,
    askPatience: 500, // without Web Locks: how long other tabs have to object
    bannerAfter: 2000,
    resetPause: 900, // the message can be read before the page reloads
    resetGuard: 30000, // a second reset within this time asks the user instead of reloading
    texts: {
      offline: 'Connection lost. Reconnecting\u2026',
      full: 'Connection lost. What you do now is not kept.',
      restarting: 'Your session has to be restarted\u2026',
      restarted: 'Your session was restarted',
      reasons: { // what a user can make of a reason; others are shown as they are
        deleted: 'expired', missing: 'it is no longer there', lost: 'its server was lost',
        refused: 'this browser was not recognized: its cookies were cleared, or the server was started afresh',
        outdated: 'the app was updated', upgraded: 'the app was updated', seal: 'it could not be read',
        rollback: 'its server lost its latest state',
      },
      overflow: 'Some input made while the connection was lost was not kept.',
      replaced: 'This session is open in another window.',
      stopped: 'The connection was closed',
      reload: 'Reload',
      dismiss: 'Dismiss',
    },
  };

  function settings() {
    const given = Object.assign({}, (window.flet || {}).cluster, window.fletCluster);
    const texts = Object.assign({}, SETTINGS.texts, given.texts);
    return Object.assign({}, SETTINGS, given, { texts });
  }

  // What a close code means: retry-now, retry-later, reset or stop. Ranges decide, so that new codes work too.
  function action(code) {
    const range = { 41: 'retry-now', 42: 'retry-later', 43: 'reset', 44: 'stop' }[Math.floor(code / 100)];
    if (range) return range;
    if ([1000, 1001, 1005, 1006, 1012].includes(code)) return 'retry-now';
    return [1002, 1003, 1007, 1008, 1009, 1010].includes(code) ? 'stop' : 'retry-later';
  }

  function tell(state, detail) {
    window.dispatchEvent(new CustomEvent('fletcluster', { detail: Object.assign({ state }, detail) }));
  }

  // ---- which socket is ours, and what the tab remembers about it

  const pathOf = (text) => '/' + text.replace(/^\/+|\/+$/g, '');
  const endpoint = () => pathOf((window.flet && window.flet.webSocketEndpoint) || 'ws'); // as Flet's client does

  function isEndpoint(url) {
    try {
      const parsed = new URL(url, location.href);
      return parsed.host === location.host && pathOf(parsed.pathname) === endpoint();
    } catch (error) {
      return false;
    }
  }

  const tab = storage('sessionStorage'); // per tab, survives a reload; a duplicated tab gets a copy
  storage('localStorage');

  // Browsers that keep nothing for frames of other sites forbid even to look at a storage, and Flet's client
  // cannot start without: it gets one that lasts as long as the page. Returns the browser's own, or null.
  function storage(name) {
    try {
      return window[name];
    } catch (error) {
      Object.defineProperty(window, name, { value: new PageStorage(), configurable: true });
      return null;
    }
  }

  function PageStorage() { // a function, not a class: hoisted to where it is needed
    const items = new Map();
    const methods = {
      getItem: (key) => (items.has(String(key)) ? items.get(String(key)) : null),
      setItem: (key, value) => { items.set(String(key), String(value)); },
      removeItem: (key) => { items.delete(String(key)); },
      clear: () => { items.clear(); },
      key: (index) => [...items.keys()][index] ?? null,
    };
    const described = (value) => ({ value, writable: true, enumerable: true, configurable: true });
    return new Proxy(Object.create(methods), { // what is stored shows as properties: Flet's client lists them
      get: (target, key) => (key === 'length' ? items.size : target[key] ?? items.get(key)),
      set: (target, key, value) => { target.setItem(key, value); return true; },
      deleteProperty: (target, key) => { target.removeItem(key); return true; },
      ownKeys: () => [...items.keys()],
      getOwnPropertyDescriptor: (target, key) => (items.has(key) ? described(items.get(key)) : undefined),
    });
  }

  const memory = {
    key: (name) => `flet-cluster:${endpoint()}:${name}`,
    get(name) {
      try { return tab.getItem(memory.key(name)); } catch (error) { return null; }
    },
    set(name, value) { // null removes; false when the browser forbids storage
      try {
        if (value === null) tab.removeItem(memory.key(name));
        else tab.setItem(memory.key(name), value);
        return true;
      } catch (error) { return false; }
    },
  };

  // A page load's name: its number in this tab, so that a node can tell the late hello of a page that is gone.
  function nextInstance() {
    const number = (Number(memory.get('loads')) || 0) + 1;
    memory.set('loads', String(number));
    return `${number.toString(16).padStart(6, '0')}-${randomId()}`;
  }

  // ---- one page per token: a duplicated tab must notice that it is one

  const pageId = randomId();
  let held = null; // {token, release}
  let channel = null;
  let asking = null; // {token, answer} while other tabs may object

  function randomId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
  }

  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  function letGo() {
    if (held) held.release();
    if (channel) channel.close();
    held = channel = null;
  }

  // True once this page holds the token; false when another live page does.
  async function claim(token, options) {
    for (let waited = 0; ; waited += options.claimRetry) {
      if ((held && held.token === token) || await tryClaim(token, options)) return true;
      if (waited >= options.claimPatience) return false;
      await sleep(options.claimRetry); // our own page before the reload may still be closing
    }
  }

  async function tryClaim(token, options) {
    const locked = navigator.locks ? await tryLock(token) : null;
    if (locked !== null) return locked;
    return window.BroadcastChannel ? tryAsk(token, options) : true;
  }

  // Null when the browser refuses to lock at all.
  function tryLock(token) {
    return new Promise((resolve) => {
      const granted = (lock) => {
        if (!lock) return resolve(false);
        return new Promise((release) => {
          letGo();
          held = { token, release };
          resolve(true);
        });
      };
      navigator.locks.request(`flet-cluster:${token}`, { ifAvailable: true }, granted).catch(() => resolve(null));
    });
  }

  // Without locks (plain http): ask the other tabs; whoever holds the token objects. Two that ask at the same time
  // (a browser restored both) agree on the lower id.
  function tryAsk(token, options) {
    listen();
    return new Promise((resolve) => {
      const answer = (free) => {
        if (!asking || asking.answer !== answer) return; // answered before
        asking = null;
        if (free) held = { token, release: () => {} };
        resolve(free);
      };
      asking = { token, answer };
      setTimeout(() => answer(true), options.askPatience);
      channel.postMessage({ ask: token, by: pageId });
    });
  }

  function listen() {
    if (channel) return;
    channel = new BroadcastChannel('flet-cluster');
    channel.addEventListener('message', ({ data }) => {
      const contested = asking && asking.token === (data.ask || data.taken);
      if (data.taken && contested) asking.answer(false);
      else if (data.ask && held && held.token === data.ask) channel.postMessage({ taken: data.ask });
      else if (data.ask && contested && pageId < data.by) channel.postMessage({ taken: data.ask });
      else if (data.ask && contested) asking.answer(false);
    });
  }

  // A node has just made this token: nobody else can have it.
  async function hold(token) {
    if (navigator.locks && await tryLock(token) !== null) return;
    if (window.BroadcastChannel) listen();
    held = { token, release: () => {} };
  }

  // ---- what the user sees

  const BOX = 'position:fixed;z-index:2147483647;left:50%;transform:translateX(-50%);padding:8px 16px;' +
    'border-radius:6px;background:#323232;color:#fff;font:14px/1.4 system-ui,sans-serif;max-width:90vw;' +
    'box-shadow:0 2px 8px rgba(0,0,0,.4);';

  // A line of text above the app. Without buttons it lets every click through. It belongs to <html>, since
  // Flutter owns <body>. The text comes after the element, or screen readers stay silent.
  function show(id, text, buttons) {
    hide(id);
    const box = document.createElement('div');
    box.id = id;
    box.setAttribute('role', 'status');
    box.style.cssText = BOX + (buttons ? 'top:16px;' : 'bottom:16px;pointer-events:none;');
    document.documentElement.appendChild(box);
    box.appendChild(document.createElement('span')).textContent = text;
    for (const [label, click] of buttons || []) {
      const button = box.appendChild(document.createElement('button'));
      button.textContent = label;
      button.style.cssText = 'margin-left:12px;font:inherit;cursor:pointer;';
      button.addEventListener('click', click);
    }
  }

  function hide(id) {
    const box = document.getElementById(id);
    if (box) box.remove();
  }

  const BANNER = 'flet-cluster-banner', NOTICE = 'flet-cluster-notice';

  // The page before this one was reloaded on purpose: say why. A user is never moved to a new session in silence.
  function showNote(texts) {
    const reason = memory.get('note');
    if (!reason) return;
    memory.set('note', null);
    const text = reason === 'overflow' ? texts.overflow : `${texts.restarted} (${texts.reasons[reason] || reason}).`;
    show(NOTICE, text, [[texts.dismiss, () => hide(NOTICE)]]);
  }

  // Reload with a note for the next page; ask first if that happened a moment ago, or cannot be remembered.
  function reloadBecause(reason, options) {
    const recently = Date.now() - Number(memory.get('reload') || 0) < options.resetGuard;
    const remembered = memory.set('note', reason) && memory.set('reload', String(Date.now()));
    tell('reset', { reason });
    hide(BANNER);
    if (remembered && !recently) {
      show(BANNER, options.texts.restarting);
      setTimeout(() => location.reload(), options.resetPause);
    } else {
      const text = reason === 'overflow' ? options.texts.overflow : `${options.texts.restarting} (${options.texts.reasons[reason] || reason})`;
      show(NOTICE, text, [[options.texts.reload, () => location.reload()]]);
    }
  }

  // ---- frames

  function dataFrame(seq, ack, payload) {
    const frame = new Uint8Array(HEADER + payload.length);
    const view = new DataView(frame.buffer);
    view.setUint8(0, DATA);
    view.setUint32(1, seq);
    view.setUint32(5, ack);
    frame.set(payload, HEADER);
    return frame;
  }

  function bytesOf(data) { // a copy: the caller may reuse its buffer, and we may have to send it again
    if (typeof data === 'string') return new TextEncoder().encode(data);
    if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    throw new TypeError('flet-cluster: send() takes a string, an ArrayBuffer or a view of one');
  }

  class LinkError extends Error {
    constructor(code, message) {
      super(message);
      this.code = code;
    }
  }

  // The numbers of one facade; protocol/client_link.py in JavaScript. Knows no socket and no timer.
  class Link {
    constructor(options) {
      this.options = options;
      this.instance = nextInstance();
      this.token = null;
      this.rx = 0; // highest output received
      this.expected = 1; // the next one on this socket: far from rx when the whole page comes instead of what is missing
      this.acked = 0; // ... and told to the node
      this.durable = 0; // highest input that a node has committed
      this.tx = 0; // highest input accepted
      this.pending = []; // inputs durable + 1 .. tx
      this.pendingBytes = 0;
      this.sent = 0; // highest input sent on this socket
      this.everSent = 0; // ... and on any: a node that died may have started those
      this.inFlight = 0; // bytes of inputs durable + 1 .. sent
      this.limits = null; // from welcome
    }

    hello() {
      const { token, instance, rx, durable, everSent: sent } = this;
      return JSON.stringify({ type: 'hello', token, instance, rx, durable, sent });
    }

    welcome(frame) {
      if (frame.rx < this.durable || frame.rx > this.tx) throw new LinkError(ROLLBACK, 'the node forgot input');
      if (frame.resumed && frame.tx !== this.rx) throw new LinkError(GAP, 'output does not go on where it stopped');
      this.token = frame.token;
      // A whole page that is announced is not here yet: if its node dies first, the next one must know what we have.
      this.expected = frame.tx + 1;
      this.acked = this.rx;
      this.committed(frame.rx, frame.rx);
      this.sent = frame.rx;
      this.inFlight = 0;
      this.limits = frame;
    }

    // False: the queue is full, the input was not taken.
    accept(payload) {
      const { queueFrames, queueBytes } = this.options;
      if (this.pending.length >= queueFrames || this.pendingBytes + payload.length > queueBytes) return false;
      this.pending.push(payload);
      this.pendingBytes += payload.length;
      this.tx += 1;
      return true;
    }

    // The next data frame that the node's window allows, or null.
    next() {
      const flying = this.sent - this.durable;
      if (flying >= this.pending.length || flying >= this.limits.max_unacked_frames) return null;
      const payload = this.pending[flying];
      if (flying && this.inFlight + payload.length > this.limits.max_unacked_bytes) return null;
      this.sent += 1;
      this.everSent = Math.max(this.everSent, this.sent);
      this.inFlight += payload.length;
      this.acked = this.rx;
      return dataFrame(this.sent, this.rx, payload);
    }

    committed(upto, sent) {
      if (upto > sent) throw new LinkError(PROTOCOL, 'acknowledgement of what was not sent');
      if (upto <= this.durable) return;
      for (const payload of this.pending.splice(0, upto - this.durable)) {
        this.pendingBytes -= payload.length;
        this.inFlight -= payload.length;
      }
      this.durable = upto;
    }

    // The payload of a data frame, or null if it was here before.
    received(buffer) {
      const view = new DataView(buffer);
      const seq = view.getUint32(1);
      this.committed(view.getUint32(5), this.sent);
      if (seq < this.expected) return null;
      if (seq !== this.expected) throw new LinkError(GAP, 'output is missing');
      this.rx = seq;
      this.expected += 1;
      return buffer.slice(HEADER);
    }

    ack() {
      this.acked = this.rx;
      return JSON.stringify({ type: 'ack', seq: this.rx });
    }
  }

  // ---- the facade

  const CONNECTING = 0, OPEN = 1, CLOSING = 2, CLOSED = 3;
  const facades = new Set();
  let stopped = null; // close code after which this page does not connect again

  class ResumableSocket extends EventTarget {
    constructor(url) {
      super();
      this._options = settings();
      this._link = new Link(this._options);
      this._url = new URL(url, location.href).href.replace(/^http/, 'ws');
      this._state = CONNECTING;
      this._ws = null; // the real socket
      this._open = false; // ... which was welcomed
      this._plain = false; // the server speaks plain Flet: hand everything through
      this._failures = 0;
      this._overflow = false;
      this._timers = {};
      this._binaryType = 'blob';
      showNote(this._options.texts);
      if (stopped) {
        setTimeout(() => this._finish(stopped, '', true));
        return;
      }
      facades.add(this);
      this._offline();
      this._begin();
    }

    get url() { return this._url; }
    get readyState() { return this._state; }
    get protocol() { return ''; }
    get extensions() { return ''; }
    get binaryType() { return this._binaryType; }
    set binaryType(type) {
      if (type === 'blob' || type === 'arraybuffer') this._binaryType = type;
    }

    get bufferedAmount() {
      if (this._plain) return this._ws ? this._ws.bufferedAmount : 0;
      return this._link.pendingBytes - this._link.inFlight + (this._ws ? this._ws.bufferedAmount : 0);
    }

    send(data) {
      if (this._state === CONNECTING) throw new DOMException('Still in CONNECTING state.', 'InvalidStateError');
      if (this._state !== OPEN) return;
      if (this._plain) return this._ws.send(data);
      const payload = bytesOf(data);
      if (payload[0] === FLET_DATAGRAM) return this._sendDatagram(payload);
      if (payload.length + HEADER > this._link.limits.max_frame) return this._stop(TOO_BIG, 'too-big');
      // Input is never dropped in silence: a full queue is said at once, and the page is brought up to date later.
      if (this._overflow || !this._link.accept(payload)) return this._overflowed();
      this._flush();
    }

    close(code, reason) {
      if (this._state >= CLOSING) return;
      this._state = CLOSING;
      const ws = this._drop();
      if (ws) ws.close(code === undefined ? 1000 : code, reason || '');
      setTimeout(() => this._finish(code || 1000, reason || '', false));
    }

    // -- connecting

    async _begin() {
      const token = memory.get('token');
      if (token && !await claim(token, this._options)) {
        memory.set('token', null); // a copy: this tab was duplicated and gets a session of its own
      } else {
        this._link.token = token;
      }
      this._connect();
    }

    _connect() {
      if (this._ws || this._state >= CLOSING) return;
      this._cancel('retry');
      tell('connecting');
      const ws = new Native(this._url, [SUBPROTOCOL, PLAIN]);
      this._ws = ws;
      ws.binaryType = 'arraybuffer';
      const mine = (handler) => (event) => { if (this._ws === ws) handler(event); };
      ws.onopen = mine(() => this._opened(ws));
      ws.onmessage = mine((event) => this._received(event.data));
      ws.onclose = mine((event) => this._lost(event.code, event.reason));
      this._after('answer', this._options.connectTimeout, () => this._lost(NO_ANSWER));
    }

    _opened(ws) {
      if (ws.protocol !== SUBPROTOCOL) return this._passThrough(ws);
      ws.send(this._link.hello());
      this._after('answer', this._options.welcomeTimeout, () => this._lost(NO_ANSWER));
    }

    _passThrough(ws) {
      if (this._state === OPEN) return this._reset('lost'); // the session was on a node that spoke the link
      this._plain = true;
      this._cancelAll();
      hide(BANNER);
      ws.binaryType = 'arraybuffer'; // _message makes the Blob that the app may want
      ws.onmessage = (event) => this._message(event.data);
      ws.onerror = () => this.dispatchEvent(new Event('error'));
      ws.onclose = (event) => this._finish(event.code, event.reason, false);
      tell('plain');
      this._state = OPEN;
      this.dispatchEvent(new Event('open'));
    }

    // -- receiving

    _received(data) {
      this._heard();
      try {
        if (typeof data === 'string') this._control(JSON.parse(data));
        else this._binary(data);
      } catch (error) {
        if (!(error instanceof LinkError || error instanceof SyntaxError || error instanceof RangeError)) throw error;
        this._lost(error.code || PROTOCOL);
      }
    }

    _control(frame) {
      if (frame.type === 'welcome' && !this._open) return this._welcomed(frame);
      if (frame.type === 'reset') return this._reset(String(frame.reason));
      if (frame.type === 'ack' && this._open) {
        this._link.committed(frame.seq, this._link.sent);
        this._flush();
      } else if (frame.type !== 'pong') {
        throw new LinkError(PROTOCOL, `unexpected ${frame.type}`);
      }
    }

    _binary(buffer) {
      if (!this._open) throw new LinkError(PROTOCOL, 'data before welcome');
      const kind = new Uint8Array(buffer)[0];
      if (kind === DATAGRAM) return this._message(buffer.slice(1));
      if (kind !== DATA) throw new LinkError(PROTOCOL, `unknown kind ${kind}`);
      const payload = this._link.received(buffer);
      if (payload) this._message(payload);
      this._flush();
      this._acknowledge();
    }

    _welcomed(frame) {
      const before = this._link.token;
      this._link.welcome(frame);
      this._open = true;
      this._cancelAll();
      if (frame.token !== before) this._remember(frame.token);
      this._after('stable', this._options.stableAfter, () => { this._failures = 0; });
      this._heard();
      hide(BANNER);
      tell('connected', { node: frame.node, resumed: frame.resumed });
      if (this._state === CONNECTING) {
        this._state = OPEN;
        this.dispatchEvent(new Event('open'));
      }
      this._flush();
    }

    // The token is for the next page of this tab. It is stored once it is held, and not before: a tab that is
    // duplicated in between would find a token that looks free.
    async _remember(token) {
      await Promise.race([hold(token), sleep(this._options.claimPatience)]);
      if (facades.has(this) && this._link.token === token) memory.set('token', token);
    }

    _message(data) {
      const blob = this._binaryType === 'blob' && data instanceof ArrayBuffer;
      const event = { data: blob ? new Blob([data]) : data, origin: new URL(this._url).origin };
      this.dispatchEvent(new MessageEvent('message', event));
    }

    // -- sending

    _flush() {
      if (!this._open) return;
      for (let frame = this._link.next(); frame; frame = this._link.next()) {
        this._ws.send(frame);
        this._cancel('ack'); // the frame carried it
        if (!this._timers.quick) this._after('quick', this._options.sendPing, () => this._ask(this._options.sendPong));
      }
      if (this._overflow && !this._link.pending.length) this._refresh();
    }

    _sendDatagram(payload) {
      if (!this._open || this._ws.bufferedAmount > this._link.limits.max_unacked_bytes) return;
      const frame = new Uint8Array(1 + payload.length);
      frame[0] = DATAGRAM;
      frame.set(payload, 1);
      this._ws.send(frame);
    }

    _acknowledge() {
      if (!this._open) return; // the app closed the socket while it took the message
      const behind = this._link.rx - this._link.acked;
      const now = () => { if (this._link.rx > this._link.acked) this._ws.send(this._link.ack()); };
      if (behind >= this._options.ackFrames) now();
      else if (behind && !this._timers.ack) this._after('ack', this._options.ackDelay, now);
    }

    _overflowed() {
      if (!this._overflow) show(BANNER, this._options.texts.full);
      this._overflow = true;
    }

    // Everything that was kept is committed, but some input was refused: take the page's state from the node.
    _refresh() {
      this._end();
      reloadBecause('overflow', this._options);
    }

    // -- is the other end still there?

    _heard() { // any frame is a sign of life
      this._cancel('quick');
      this._cancel('pong');
      if (this._open) this._after('idle', this._options.idlePing, () => this._ask(this._options.idlePong));
    }

    _ask(patience) {
      if (!this._open || this._timers.pong) return;
      this._ws.send('{"type":"ping"}');
      this._after('pong', patience, () => this._lost(NO_ANSWER));
    }

    _wake() { // the network is back, or somebody looks at the page: do not wait for timers
      if (this._plain || this._state >= CLOSING) return;
      if (this._timers.retry) this._connect();
      else this._ask(this._options.sendPong);
    }

    // -- losing the socket

    _lost(code, reason) {
      const ws = this._drop();
      if (ws) ws.close(code >= 3000 ? code : 1000);
      const next = action(code);
      if (next === 'reset') return this._reset(reason || (code === ROLLBACK ? 'rollback' : String(code)));
      if (next === 'stop') return this._stop(code, reason);
      this._offline();
      this._after('retry', this._delay(next), () => this._connect());
      tell('offline', { code });
    }

    _delay(next) {
      const { firstJitter, backoff, backoffCap, laterPause } = this._options;
      const n = this._failures;
      this._failures += 1;
      if (next === 'retry-now' && n === 0) return Math.random() * firstJitter;
      const jitter = Math.random() * Math.min(backoffCap, backoff * Math.pow(2, n));
      return next === 'retry-later' ? laterPause + jitter : jitter;
    }

    _offline() {
      if (this._timers.banner || document.getElementById(BANNER)) return;
      this._after('banner', this._options.bannerAfter, () => {
        show(BANNER, this._overflow ? this._options.texts.full : this._options.texts.offline);
      });
    }

    // Forget the real socket; its late events find nobody.
    _drop() {
      const ws = this._ws;
      const { banner } = this._timers;
      delete this._timers.banner; // it counts from the first loss on
      this._cancelAll();
      if (banner) this._timers.banner = banner;
      this._ws = null;
      this._open = false;
      return ws;
    }

    _suspend() { // into the back/forward cache, which takes no page with an open socket
      const ws = this._drop();
      if (ws) ws.close(1000);
      this._cancelAll();
    }

    async _revive() {
      const { token } = this._link;
      if (token && !await claim(token, this._options)) return this._reset('replaced');
      this._offline();
      this._connect();
    }

    // -- the ends

    _end() { // for Flutter the socket stays open, but nothing gets in or out any more
      const ws = this._drop();
      if (ws) ws.close(1000);
      this._cancelAll();
      facades.delete(this);
      this._connect = this._flush = this._overflowed = () => {};
    }

    _reset(reason) {
      this._end();
      // The fresh page gets a fresh session; what was queued dies with this page. After an upgrade, the session
      // begins anew under its old name, with what the app keeps in its store.
      if (reason !== 'upgraded') memory.set('token', null);
      letGo();
      reloadBecause(reason, this._options);
    }

    _stop(code, reason) {
      stopped = code;
      this._end();
      hide(BANNER);
      const { texts } = this._options;
      const text = code === 4400 ? texts.replaced : `${texts.stopped} (${reason || code}).`;
      show(NOTICE, text, [[texts.reload, () => location.reload()]]);
      tell('stopped', { code, reason });
      this._finish(code, reason || '', this._state === CONNECTING);
    }

    _finish(code, reason, failed) {
      if (this._state === CLOSED) return;
      this._state = CLOSED;
      this._cancelAll();
      hide(BANNER);
      facades.delete(this);
      if (failed) this.dispatchEvent(new Event('error'));
      this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean: !failed }));
    }

    // -- timers by name

    _after(name, ms, call) {
      this._cancel(name);
      this._timers[name] = setTimeout(() => { delete this._timers[name]; call(); }, ms);
    }

    _cancel(name) {
      clearTimeout(this._timers[name]);
      delete this._timers[name];
    }

    _cancelAll() {
      Object.keys(this._timers).forEach((name) => this._cancel(name));
    }
  }

  // instanceof WebSocket holds, and every member of the real prototype is covered by our own.
  Object.setPrototypeOf(ResumableSocket.prototype, Native.prototype);
  for (const type of ['open', 'message', 'error', 'close']) {
    const handlers = new WeakMap();
    Object.defineProperty(ResumableSocket.prototype, `on${type}`, {
      get() { return (handlers.get(this) || {}).call || null; },
      set(call) {
        const old = handlers.get(this);
        if (old) this.removeEventListener(type, old.listener);
        const listener = (event) => call.call(this, event);
        handlers.set(this, { call, listener });
        if (typeof call === 'function') this.addEventListener(type, listener);
      },
    });
  }

  window.WebSocket = new Proxy(Native, {
    construct(target, args, newTarget) {
      return isEndpoint(args[0]) ? new ResumableSocket(args[0]) : Reflect.construct(target, args, newTarget);
    },
  });
  Native.prototype.constructor = window.WebSocket;
  delete ResumableSocket.prototype.constructor; // the facade says it is a WebSocket
  Native.fletCluster = { action };

  const wake = () => facades.forEach((facade) => facade._wake());
  window.addEventListener('online', wake);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) wake(); });
  window.addEventListener('pagehide', (event) => {
    letGo(); // a reload finds the token free
    if (event.persisted) facades.forEach((facade) => facade._suspend());
  });
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) facades.forEach((facade) => facade._revive());
    else wake();
  });
})();
