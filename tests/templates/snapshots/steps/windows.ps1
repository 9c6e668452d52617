# Windows' own settings. Cheap, so done at every start: changed settings are applied. None of them is worth ending for.
$Done = { $false }
$Do = {
    $step.warnings = @()
    # What lies here is run as SYSTEM.
    Invoke-Part 'windows.rights' { foreach ($folder in $Root, $ModelFolder) { Protect-Folder $folder } }
    # From here on Windows Update asks before it installs: a restart would end an installation or a training.
    Invoke-Part 'windows.update' {
        $update = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU'
        if (-not (Test-Path $update)) { $null = New-Item -Path $update -Force }
        Set-ItemProperty -Path $update -Name AUOptions -Value 3 -Type DWord
        Set-ItemProperty -Path $update -Name NoAutoRebootWithLoggedOnUsers -Value 1 -Type DWord
    }
    # Defender would look at each of some 100,000 unpacked files; it looks again when the installation has ended. On some
    # images it is missing altogether.
    Invoke-Part 'windows.defender' { Add-MpPreference -ExclusionPath $Root, $Conda, $ModelFolder }
    $control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
    Invoke-Part 'windows.paths' { Set-ItemProperty -Path "$control\FileSystem" -Name LongPathsEnabled -Value 1 -Type DWord }
    # A fixed page file, from the next start on. In the registry, as setting it through CIM is refused now and then.
    Invoke-Part 'windows.page-file' {
        $size = 1024 * $Settings.pageFileGb
        Set-ItemProperty -Path "$control\Session Manager\Memory Management" -Name PagingFiles -Value @("C:\pagefile.sys $size $size") -Type MultiString
    }
}
$Check = { Write-Status }
