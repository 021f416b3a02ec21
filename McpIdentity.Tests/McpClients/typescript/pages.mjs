// A browser without JavaScript: keeps cookies, follows redirects and meta refreshes, fills in the form of the page.
import { parse } from 'node-html-parser';

const MAX_STEPS = 30;

export class PageWalker {
  #cookies = new Map();
  #origin;
  #fields;
  #decision;

  /** Every step as "METHOD path status", for the message of a failure. */
  steps = [];

  /**
   * @param {string|URL} start an address of the server whose pages are walked
   * @param {{fields: Record<string, string>, decision: string}} answers what to type into which field, and the value of the button to press
   */
  constructor(start, { fields, decision }) {
    this.#origin = new URL(start).origin;
    this.#fields = fields;
    this.#decision = decision;
  }

  /** Walks until an address outside of the server is reached, and returns it without opening it. */
  async leave(start) {
    let request = { url: new URL(start) };
    for (let step = 0; step < MAX_STEPS; step++) {
      if (request.url.origin !== this.#origin) {
        return request.url;
      }
      request = await this.#next(request.url, await this.#send(request));
    }
    throw new Error(`still on the server after ${MAX_STEPS} steps:\n${this.steps.join('\n')}`);
  }

  async #send({ url, form }) {
    const headers = { Accept: 'text/html', Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const response = await fetch(url, { method: form ? 'POST' : 'GET', body: form, headers, redirect: 'manual' });
    this.steps.push(`${form ? 'POST' : 'GET'} ${url.pathname} ${response.status}`);
    for (const cookie of response.headers.getSetCookie()) {
      this.#keep(cookie);
    }
    return response;
  }

  #keep(cookie) {
    const [pair, ...attributes] = cookie.split(';').map(part => part.trim());
    const separator = pair.indexOf('=');
    const [name, value] = [pair.slice(0, separator), pair.slice(separator + 1)];
    const attribute = wanted => attributes.find(one => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const maxAge = attribute('max-age');
    const expired = maxAge !== undefined ? Number(maxAge) <= 0 : Date.parse(attribute('expires') ?? '') <= Date.now();
    if (expired) {
      this.#cookies.delete(name);
    } else {
      this.#cookies.set(name, value);
    }
  }

  async #next(current, response) {
    const location = response.headers.get('location');
    if (location && response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      return { url: new URL(location, current) };
    }

    const html = await response.text();
    const page = parse(html);
    const refresh = page.querySelectorAll('meta').find(meta => meta.getAttribute('http-equiv')?.toLowerCase() === 'refresh');
    const target = refresh?.getAttribute('content')?.match(/^\s*\d+\s*;\s*url\s*=\s*(.+)$/i)?.[1].trim();
    if (target) {
      return { url: new URL(target, current) };
    }

    const form = page.querySelectorAll('form').find(candidate => this.#canFill(candidate));
    if (!form) {
      throw new Error(`no form to go on with, status ${response.status}:\n${this.steps.join('\n')}\n${page.textContent.trim()}`);
    }
    return this.#submit(form, current);
  }

  #canFill(form) {
    return this.#button(form) !== undefined || Object.keys(this.#fields).some(name => form.querySelector(`input[name="${name}"]`));
  }

  #button(form) {
    return form.querySelectorAll('button').find(button => button.getAttribute('name') === 'decision' && button.getAttribute('value') === this.#decision);
  }

  #submit(form, current) {
    const values = new URLSearchParams();
    for (const input of form.querySelectorAll('input')) {
      const name = input.getAttribute('name');
      const type = (input.getAttribute('type') ?? 'text').toLowerCase();
      const isOff = (type === 'checkbox' || type === 'radio') && !input.hasAttribute('checked');
      if (name && !isOff && type !== 'submit' && type !== 'button' && !input.hasAttribute('disabled')) {
        values.append(name, this.#fields[name] ?? input.getAttribute('value') ?? (type === 'checkbox' ? 'on' : ''));
      }
    }

    const button = this.#button(form) ?? form.querySelectorAll('button').find(one => one.getAttribute('type') !== 'button');
    if (button?.getAttribute('name')) {
      values.append(button.getAttribute('name'), button.getAttribute('value') ?? '');
    }

    const url = new URL(button?.getAttribute('formaction') || form.getAttribute('action') || current.href, current);
    if ((form.getAttribute('method') ?? 'get').toLowerCase() === 'post') {
      return { url, form: values };
    }
    url.search = values.toString();
    return { url };
  }
}
