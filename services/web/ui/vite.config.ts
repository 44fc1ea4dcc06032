import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// VIGIE_WEB names a running web service for `npm run dev`. Its certificate is self-signed.
const target = process.env.VIGIE_WEB ?? 'https://localhost:8443';

/** The font's licence wants to travel with it. */
const fontLicence = {
  name: 'font-licence',
  generateBundle(this: { emitFile(file: { type: 'asset'; fileName: string; source: string }): void }) {
    const source = readFileSync(new URL('node_modules/@fontsource-variable/inter/LICENSE', import.meta.url), 'utf8');
    this.emitFile({ type: 'asset', fileName: 'assets/inter-LICENSE.txt', source });
  },
};

export default defineConfig({
  plugins: [svelte(), fontLicence],
  build: {
    target: 'es2022',
    // The content security policy lets fonts and scripts come from files only, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': {
        target,
        secure: false,
        ws: true,
        // Requests that change something must carry the appliance's own origin.
        headers: { Origin: target },
      },
    },
  },
  // The zone has days of 23 and 25 hours, which the tests speak of.
  test: {
    env: { TZ: 'Europe/Berlin' },
    include: ['src/**/*.test.ts'],
    testTimeout: 60_000, // on a machine that has other work
    environment: 'node',
  },
});
