import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Problem } from "@/api/problem";
import { keeper } from "@/api/keeper";
import { socketUrl } from "@/api/server";
import { LiveProvider } from "@/live/react";
import { LiveStream } from "@/live/stream";
import { Gate } from "./Gate";
import { router } from "./router";
import { theme } from "./theme";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      // what the server refused will be refused again; what did not reach it may work in a moment
      retry: (failures, error) => failures < 2 && error instanceof Problem && (error.isOffline || error.status >= 500),
      refetchOnWindowFocus: false,
      networkMode: "always",
    },
  },
});
const stream = new LiveStream({ url: () => socketUrl(window.location), ticket: keeper.ticket });

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Gate stream={stream}>
          <LiveProvider stream={stream}>
            <RouterProvider router={router} />
          </LiveProvider>
        </Gate>
      </QueryClientProvider>
    </MantineProvider>
  );
}
