# The console of a Chinese Windows: code page 936, also for what passes through pipes to and from other programs.
[Text.Encoding]::RegisterProvider([Text.CodePagesEncodingProvider]::Instance)
$global:WorldCodePage = [Text.Encoding]::GetEncoding(936)
[Console]::OutputEncoding = $WorldCodePage
[Console]::InputEncoding = $WorldCodePage
$global:OutputEncoding = [Text.Encoding]::ASCII
$global:PSNativeCommandArgumentPassing = 'Legacy'
$global:PSNativeCommandUseErrorActionPreference = $false
$env:PATH = $env:WORLD_PATH
$env:SystemRoot = 'C:\Windows'
$env:windir = 'C:\Windows'
$env:SystemDrive = 'C:'
$env:ProgramFiles = 'C:\Program Files'
$env:ProgramData = 'C:\ProgramData'
$env:TEMP = 'C:\Windows\TEMP'
$env:TMP = 'C:\Windows\TEMP'
$env:OS = 'Windows_NT'
$env:PROCESSOR_ARCHITECTURE = 'AMD64'
$null = Microsoft.PowerShell.Management\New-PSDrive -Name C -PSProvider FileSystem -Root $env:WORLD_DISK -Scope Global
Microsoft.PowerShell.Management\Set-Location ([World.Drive]::Spell([Environment]::CurrentDirectory))
# What 5.1 does by default and PowerShell 7 does not.
$global:PSDefaultParameterValues['ConvertFrom-Json:DateKind'] = 'String'
$global:PSDefaultParameterValues['ConvertFrom-Json:NoEnumerate'] = $true
$global:PSDefaultParameterValues['ConvertTo-Json:EscapeHandling'] = 'EscapeHtml'
$global:PSDefaultParameterValues['Out-File:Encoding'] = 'unicode'
# $IsWindows and its like do not exist in 5.1, nor do these commands of PowerShell 7.
foreach ($name in 'ConvertFrom-Markdown', 'Get-Error', 'Join-String', 'Test-Json', 'Get-Uptime', 'Start-ThreadJob') {
    Microsoft.PowerShell.Utility\Set-Alias -Name $name -Value 'not-in-windows-powershell' -Scope Global
}
