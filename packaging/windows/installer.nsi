; The installer for one user, without administrator rights.
;
;   makensis -DVERSION=0.1.0 -DSOURCE=<frozen folder> -DOUTFILE=<CrossTrade-Panel-0.1.0.exe> installer.nsi
;
; Switches: /S silent, /DESKTOP an icon on the desktop, /STARTUP a start at login; what an earlier version was
; given stays. The uninstaller: /S silent, /PURGE takes the journal, too. Ends with 0, or with 3 where the
; program runs and does not leave, or 4 where the files could not be put in place; then nothing was changed.

Unicode true
!ifndef X86
    Target amd64-unicode ; Debian's NSIS has it; elsewhere -DX86
!endif
ManifestDPIAware true
RequestExecutionLevel user
!ifdef QUICK
    SetCompressor zlib ; for a try: three times as fast, half as large again
!else
    SetCompressor /SOLID lzma
!endif
CRCCheck force

!include "MUI2.nsh"
!include "FileFunc.nsh"
!include "LogicLib.nsh"
!include "WinMessages.nsh"
!include "Sections.nsh"

!define NAME "CrossTrade Panel"
!define WINDOW "crosstrade-panel-gui.exe"
!define COMMAND "crosstrade-panel.exe"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\CrossTradePanel"
!define RUN_KEY "Software\Microsoft\Windows\CurrentVersion\Run"
; Not the name that the program's own setting uses: each takes away its own alone.
!define RUN_VALUE "CrossTrade Panel (installer)"
!define VENDOR "https://app.crosstrade.io:443" ; the origin that a token is kept for
!define DATA "$LOCALAPPDATA\crosstrade-panel"
!define ASKED "CrossTradePanel.AskedToClose"
!define RUNS 3
!define FAILED 4
; Half-seconds that a window may take to close; one with a press unresolved stays.
!define PATIENCE 40

Name "${NAME} ${VERSION}"
OutFile "${OUTFILE}"
BrandingText "${NAME} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
ShowInstDetails nevershow
ShowUninstDetails nevershow

VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "FileDescription" "${NAME}, installer"
VIAddVersionKey "CompanyName" "${PUBLISHER}"
VIAddVersionKey "LegalCopyright" "MIT licence"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "ProductVersion" "${VERSION}"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_NODESC
!define MUI_FINISHPAGE_RUN "$INSTDIR\${WINDOW}"
!define MUI_FINISHPAGE_RUN_TEXT "Start ${NAME}"
!define MUI_FINISHPAGE_NOAUTOCLOSE
!insertmacro MUI_PAGE_LICENSE "${SOURCE}/LICENSE"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

Var busy

; --- Is it running, and would it leave?

!macro RUNNING prefix
; $busy: 1 while a file of the program is run by somebody. Windows lets nobody write to such a file.
Function ${prefix}LookWhetherItRuns
    StrCpy $busy 0
    Push $0
    ${If} ${FileExists} "$INSTDIR\${WINDOW}"
        ClearErrors
        FileOpen $0 "$INSTDIR\${WINDOW}" a
        ${If} ${Errors}
            StrCpy $busy 1
        ${Else}
            FileClose $0
        ${EndIf}
    ${EndIf}
    ${If} ${FileExists} "$INSTDIR\${COMMAND}"
        ClearErrors
        FileOpen $0 "$INSTDIR\${COMMAND}" a
        ${If} ${Errors}
            StrCpy $busy 1
        ${Else}
            FileClose $0
        ${EndIf}
    ${EndIf}
    Pop $0
FunctionEnd

; Asks each window of the program to close, once in its life: a second time would mean "leave although a press
; is unresolved", which is the trader's own to say. A command under way is never asked, only waited for.
Function ${prefix}AskWindowsToClose
    Push $0
    Push $1
    Push $2
    Push $3
    Push $4
    StrLen $4 "$INSTDIR\"
    StrCpy $0 0
    ${Do}
        FindWindow $0 "" "${NAME}" 0 $0
        ${If} $0 = 0
            ${ExitDo}
        ${EndIf}
        StrCpy $3 ""
        System::Call 'user32::GetWindowThreadProcessId(p r0, *i .r1)'
        System::Call 'kernel32::OpenProcess(i 0x1000, i 0, i r1) p .r2'
        ${If} $2 <> 0
            System::Call 'kernel32::QueryFullProcessImageNameW(p r2, i 0, w .r3, *i 1024)'
            System::Call 'kernel32::CloseHandle(p r2)'
        ${EndIf}
        StrCpy $3 $3 $4
        ${If} $3 == "$INSTDIR\"
            System::Call 'user32::GetPropW(p r0, w "${ASKED}") p .r2'
            ${If} $2 = 0
                System::Call 'user32::SetPropW(p r0, w "${ASKED}", p 1)'
                System::Call 'user32::PostMessageW(p r0, i ${WM_CLOSE}, p 0, p 0)'
            ${EndIf}
        ${EndIf}
    ${Loop}
    Pop $4
    Pop $3
    Pop $2
    Pop $1
    Pop $0
FunctionEnd

; Goes on when nothing runs any more; else ends here, with everything as it was.
Function ${prefix}WaitUntilItLeft
    Call ${prefix}LookWhetherItRuns
    ${If} $busy = 0
        Return
    ${EndIf}
    DetailPrint "Asking ${NAME} to close…"
    Call ${prefix}AskWindowsToClose
    Push $0
  wait:
    StrCpy $0 0
    ${While} $0 < ${PATIENCE}
        Sleep 500
        Call ${prefix}LookWhetherItRuns
        ${If} $busy = 0
            ${ExitWhile}
        ${EndIf}
        IntOp $0 $0 + 1
    ${EndWhile}
    ${If} $busy = 1
        MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${NAME} is still running. A press may be under way, or not yet acknowledged: look at its window and close it yourself. Nothing has been changed." /SD IDCANCEL IDRETRY wait
        SetErrorLevel ${RUNS}
        Quit
    ${EndIf}
    Pop $0
FunctionEnd
!macroend

!insertmacro RUNNING ""
!insertmacro RUNNING "un."

; --- Installing

Section "${NAME}" section_program
    SectionIn RO
    Call WaitUntilItLeft
    ; The new version beside the old one, which is whole until the new one is.
    RMDir /r "$INSTDIR.new"
    SetOutPath "$INSTDIR.new"
    ClearErrors
    File /r "${SOURCE}/*"
    WriteUninstaller "$INSTDIR.new\uninstall.exe"
    SetOutPath "$TEMP"
    ${If} ${Errors}
        Goto failed
    ${EndIf}
    ; It may have been started meanwhile.
    Call WaitUntilItLeft
    RMDir /r "$INSTDIR.old"
    ${If} ${FileExists} "$INSTDIR\*.*"
        ClearErrors
        Rename "$INSTDIR" "$INSTDIR.old"
        ${If} ${Errors}
            Goto failed
        ${EndIf}
    ${EndIf}
    ClearErrors
    Rename "$INSTDIR.new" "$INSTDIR"
    ${If} ${Errors}
        Rename "$INSTDIR.old" "$INSTDIR"
        Goto failed
    ${EndIf}
    RMDir /r "$INSTDIR.old"

    SetOutPath "$INSTDIR"
    CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${WINDOW}"
    ; The program writes it anew, with the AppUserModelID by which the taskbar knows its windows.
    nsExec::Exec '"$INSTDIR\${COMMAND}" install-shortcut'
    Pop $0

    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${PUBLISHER}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${WINDOW},0"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" $0
    Return
  failed:
    RMDir /r "$INSTDIR.new"
    MessageBox MB_OK|MB_ICONSTOP "The files could not be put in place. The version that was there is as it was." /SD IDOK
    SetErrorLevel ${FAILED}
    Quit
SectionEnd

Section /o "Icon on the desktop" section_desktop
    ; A copy, so that it has the AppUserModelID as well.
    CopyFiles /SILENT "$SMPROGRAMS\${NAME}.lnk" "$DESKTOP"
SectionEnd

Section /o "Start when I log in" section_startup
    WriteRegStr HKCU "${RUN_KEY}" "${RUN_VALUE}" '"$INSTDIR\${WINDOW}"'
SectionEnd

Section "-what is not wanted any more"
    ${IfNot} ${SectionIsSelected} ${section_desktop}
        Delete "$DESKTOP\${NAME}.lnk"
    ${EndIf}
    ${IfNot} ${SectionIsSelected} ${section_startup}
        DeleteRegValue HKCU "${RUN_KEY}" "${RUN_VALUE}"
    ${EndIf}
SectionEnd

Function .onInit
    ; Fixed: a folder of somebody's choice might hold what is not ours to replace.
    StrCpy $INSTDIR "$LOCALAPPDATA\Programs\${NAME}"
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/DESKTOP" $1
    ${IfNot} ${Errors}
    ${OrIf} ${FileExists} "$DESKTOP\${NAME}.lnk"
        !insertmacro SelectSection ${section_desktop}
    ${EndIf}
    ClearErrors
    ${GetOptions} $0 "/STARTUP" $1
    ${IfNot} ${Errors}
        !insertmacro SelectSection ${section_startup}
    ${EndIf}
    ReadRegStr $1 HKCU "${RUN_KEY}" "${RUN_VALUE}"
    ${If} $1 != ""
        !insertmacro SelectSection ${section_startup}
    ${EndIf}
FunctionEnd

; --- Uninstalling

Section "un.${NAME}" un_program
    SectionIn RO
    ; Nothing of somebody else's: only a folder with the program in it, and under its own name.
    ${GetFileName} "$INSTDIR" $0
    ${If} $0 != "${NAME}"
    ${OrIfNot} ${FileExists} "$INSTDIR\${WINDOW}"
        MessageBox MB_OK|MB_ICONSTOP "There is no ${NAME} in $INSTDIR." /SD IDOK
        SetErrorLevel ${FAILED}
        Quit
    ${EndIf}
    Call un.WaitUntilItLeft
    SetOutPath "$TEMP"
    Delete "$SMPROGRAMS\${NAME}.lnk"
    Delete "$DESKTOP\${NAME}.lnk"
    DeleteRegValue HKCU "${RUN_KEY}" "${RUN_VALUE}"
    DeleteRegValue HKCU "${RUN_KEY}" "CrossTrade Panel (start_at_login)"
    DeleteRegKey HKCU "${UNINSTALL_KEY}"
    RMDir /r "$INSTDIR"
    RMDir "$LOCALAPPDATA\Programs"

    ; The token, as the keyring library names it in the Credential Manager.
    System::Call 'advapi32::CredDeleteW(w "crosstrade-panel", i 1, i 0)'
    System::Call 'advapi32::CredDeleteW(w "${VENDOR}@crosstrade-panel", i 1, i 0)'

    ; All that it wrote, but the journal, and what was set aside because it was broken.
    RMDir /r "${DATA}\Logs"
    Delete "${DATA}\settings.toml"
    Delete "${DATA}\window.ini"
    Delete "${DATA}\panel.lock"
    Delete "${DATA}\panel.port"
    RMDir "${DATA}"
SectionEnd

Section /o "un.Journal: every press and what became of it" un_journal
    RMDir /r "${DATA}"
SectionEnd

Function un.onInit
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/PURGE" $1
    ${IfNot} ${Errors}
        !insertmacro SelectSection ${un_journal}
    ${EndIf}
FunctionEnd
