"""The commands that this project's PowerShell uses, as Windows PowerShell 5.1 on Windows Server 2022 has them.

A list of what is allowed, not of what is forbidden: whoever uses another command or parameter looks it up in the 5.1
documentation first and adds it here. Aliases are not in it.
"""

from __future__ import annotations

_COMMON = ("ErrorAction",)

_PARAMETERS: dict[str, str] = {
    "Add-Member": "NotePropertyName NotePropertyValue Force",
    "Add-MpPreference": "ExclusionPath",
    "ConvertFrom-Json": "",
    "ConvertTo-Json": "Depth Compress",
    "Copy-Item": "Recurse Force",
    "ForEach-Object": "",
    "Get-AuthenticodeSignature": "",
    "Get-ChildItem": "Recurse File",
    "Get-CimInstance": "Filter",
    "Get-Content": "Encoding Tail",
    "Get-Date": "Format",
    "Get-FileHash": "Path Algorithm",
    "Get-Item": "",
    "Get-NetConnectionProfile": "",
    "Get-NetFirewallAddressFilter": "",
    "Get-NetFirewallRule": "Group Name",
    "Get-PSDrive": "Name",
    "Get-ScheduledTask": "TaskName",
    "Get-Service": "Name",
    "Join-Path": "",
    "Move-Item": "Force",
    "New-Item": "ItemType Force Path Transport Address CertificateThumbPrint",
    "New-NetFirewallRule": "Group DisplayName Direction Action Protocol LocalPort RemoteAddress",
    "New-Object": "Property",
    "New-ScheduledTaskAction": "Execute Argument",
    "New-ScheduledTaskSettingsSet": "ExecutionTimeLimit AllowStartIfOnBatteries DontStopIfGoingOnBatteries "
    "MultipleInstances Priority",
    "New-ScheduledTaskTrigger": "AtStartup",
    "New-SelfSignedCertificate": "DnsName CertStoreLocation FriendlyName NotAfter KeyExportPolicy",
    "Register-ScheduledTask": "TaskName Action Trigger Settings User RunLevel Force",
    "Remove-Item": "Recurse Force",
    "Remove-MpPreference": "ExclusionPath",
    "Remove-NetFirewallRule": "",
    "Restart-Computer": "Force",
    "Select-Object": "First Last Unique",
    "Set-Item": "Force",
    "Set-ItemProperty": "Path Name Value Type",
    "Set-Location": "",
    "Set-NetFirewallRule": "RemoteAddress",
    "Set-Service": "Name StartupType",
    "Split-Path": "Leaf",
    "Start-Process": "FilePath ArgumentList NoNewWindow PassThru Wait WindowStyle RedirectStandardOutput "
    "RedirectStandardError",
    "Start-ScheduledTask": "TaskName",
    "Start-Service": "Name",
    "Start-Sleep": "Seconds Milliseconds",
    "Start-Transcript": "Path Append",
    "Stop-Process": "Id Force",
    "Stop-ScheduledTask": "TaskName",
    "Stop-Transcript": "",
    "Test-Path": "",
    "Where-Object": "",
    "Write-Host": "",
}

#: Allowed parameters by command; a command that is not here is not allowed.
ALLOWED = {name: frozenset((*told.split(), *_COMMON)) for name, told in _PARAMETERS.items()}
