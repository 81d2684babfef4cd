/* Test bed only: a window with the name of NinjaTrader's program and title, to stand beside and to have the focus. */
#include <windows.h>

int WINAPI WinMain(HINSTANCE instance, HINSTANCE before, LPSTR line, int show)
{
    WNDCLASSA kind = {0};
    MSG message;

    kind.lpfnWndProc = DefWindowProcA;
    kind.hInstance = instance;
    kind.lpszClassName = "neighbour";
    kind.hbrBackground = (HBRUSH)(COLOR_WINDOW + 1);
    RegisterClassA(&kind);
    CreateWindowA("neighbour", "Control Center - NinjaTrader", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 60, 200, 600, 420, 0,
                  0, instance, 0);
    while (GetMessageA(&message, 0, 0, 0) > 0)
        DispatchMessageA(&message);
    return 0;
}
