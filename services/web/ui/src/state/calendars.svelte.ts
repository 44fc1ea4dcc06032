import { api } from '../api/client';
import type { Calendar } from '../api/model';

/** The calendars, read when a page or dialog needs them. What was read last stays in the meantime. */
class CalendarList {
  list = $state.raw<Calendar[]>([]);
  loaded = $state(false);

  async load(signal?: AbortSignal): Promise<void> {
    this.list = await api.calendars(signal);
    this.loaded = true;
  }

  nameOf(id: string): string {
    return this.list.find((one) => one.id === id)?.name ?? id;
  }
}

export const calendars = new CalendarList();
