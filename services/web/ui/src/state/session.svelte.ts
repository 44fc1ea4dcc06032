import { api, listenSessionEnd } from '../api/client';
import { ApiError, sentence } from '../api/error';
import type { Right, Session, Setup } from '../api/model';
import { appliance } from './appliance.svelte';
import { cameras } from './cameras.svelte';

type Phase = 'starting' | 'unreachable' | 'setup' | 'login' | 'open';

const retryMs = 2000;

/** Whether and as whom this browser is logged in. Entering `open` starts the stores that follow the appliance. */
class SessionState {
  phase = $state<Phase>('starting');
  user = $state.raw<Session | null>(null);
  setup = $state.raw<Setup | null>(null);
  /** The session ended by itself, not by logging out. */
  expired = $state(false);
  /** The appliance was told to restart from here, and has gone: that ends every session. */
  restarted = $state(false);
  problem = $state('');
  /** Whether the user has a right. The appliance asks for it too: this only keeps away what it would refuse. */
  may(right: Right): boolean {
    return this.user?.rights.includes(right) ?? false;
  }

  private timer: ReturnType<typeof setTimeout> | undefined;

  async start(): Promise<void> {
    listenSessionEnd(() => this.end(true));
    await this.look();
  }

  /** Finds out what to show: first set-up, login or the app. */
  async look(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const setup = await api.setup();
      this.setup = setup;
      if (setup.needed || setup.waiting) {
        this.phase = 'setup';
        if (setup.waiting) this.lookLater();
        return;
      }
      this.open(await api.session());
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.phase = 'login';
        return;
      }
      this.problem = sentence(error);
      if (this.phase !== 'setup') this.phase = 'unreachable';
      this.lookLater();
    }
  }

  open(user: Session): void {
    this.user = user;
    this.expired = false;
    this.restarted = false;
    this.problem = '';
    this.phase = 'open';
    appliance.start();
    cameras.start();
  }

  async logout(): Promise<void> {
    await api.logout();
    this.end(false);
  }

  private end(expired: boolean): void {
    if (this.phase !== 'open') return;
    appliance.stop();
    cameras.stop();
    this.user = null;
    this.expired = expired;
    this.phase = 'login';
  }

  private lookLater(): void {
    this.timer = setTimeout(() => void this.look(), retryMs);
  }
}

export const session = new SessionState();
