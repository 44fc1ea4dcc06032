import { api } from '../api/client';
import type { Layout, LayoutRequest } from '../api/model';

/** The user's layouts of live pictures, in order of name. What was read last stays until it is read anew. */
class LayoutList {
  list = $state.raw<Layout[]>([]);
  loaded = $state(false);

  async load(signal?: AbortSignal): Promise<void> {
    this.list = await api.layouts(signal);
    this.loaded = true;
  }

  byId(id: string): Layout | undefined {
    return this.list.find((layout) => layout.id === id);
  }

  /** Keeps a layout: under the id given, or as a new one. */
  async save(id: string | undefined, body: LayoutRequest): Promise<Layout> {
    const kept = id === undefined ? await api.addLayout(body) : await api.putLayout(id, body);
    await this.load();
    return kept;
  }

  async remove(id: string): Promise<void> {
    await api.deleteLayout(id);
    await this.load();
  }
}

export const layouts = new LayoutList();
